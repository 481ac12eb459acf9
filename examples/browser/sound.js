// Sound as samples at the rate of the model, resampled by the browser.

// Resolves to the channels of a recording, in whatever form the browser plays.
export async function decoded(bytes, rate) {
  const found = await new OfflineAudioContext(1, 1, rate).decodeAudioData(bytes);
  return Array.from({ length: found.numberOfChannels }, (_, channel) => found.getChannelData(channel));
}

// The microphone as the browser gives it: without what makes calls pleasant, which changes how voices sound.
export class Microphone {
  // Calls `heard` with the next samples of each channel.
  static async open(rate, heard) {
    if (!navigator.mediaDevices) throw new Error("browsers give the microphone to pages of https and of localhost only");
    const microphone = new Microphone();
    microphone.context = new AudioContext({ sampleRate: rate });
    try {
      await microphone.connect(heard);
    } catch (error) {
      await microphone.close();
      throw error;
    }
    return microphone;
  }

  async connect(heard) {
    const { context } = this;
    await context.audioWorklet.addModule(new URL("capture.js", import.meta.url));
    this.stream = await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
    });
    const source = context.createMediaStreamSource(this.stream), node = new AudioWorkletNode(context, "capture", { numberOfOutputs: 0 });
    node.port.onmessage = ({ data }) => heard(data);
    source.connect(node);
  }

  async close() {
    for (const track of this.stream?.getTracks() ?? []) track.stop();
    await this.context.close();
  }
}
