// Sound as samples at the rate of the model, resampled by the browser.

const channelsOf = (buffer) => Array.from({ length: buffer.numberOfChannels }, (_, channel) => buffer.getChannelData(channel));

// Resolves to the channels of a recording, in whatever form the browser plays.
export async function decoded(bytes, rate) {
  return channelsOf(await new OfflineAudioContext(1, 1, rate).decodeAudioData(bytes));
}

// Resolves to channels at another rate.
export async function resampled(channels, from, to) {
  if (from === to) return channels;
  const context = new OfflineAudioContext(channels.length, Math.round((channels[0].length * to) / from), to);
  const buffer = context.createBuffer(channels.length, channels[0].length, from), source = context.createBufferSource();
  channels.forEach((channel, place) => buffer.copyToChannel(channel, place));
  source.buffer = buffer;
  source.connect(context.destination);
  source.start();
  return channelsOf(await context.startRendering());
}

// The microphone as the browser gives it: without what makes calls pleasant, which changes how voices sound.
export class Microphone {
  // Calls `heard` with the next samples of each channel, at `this.rate`; Firefox has no other rate than the device's.
  static async open(rate, heard) {
    if (!navigator.mediaDevices) throw new Error("browsers give the microphone to pages of https and of localhost only");
    const microphone = new Microphone();
    microphone.stream = await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation: false, noiseSuppression: false, autoGainControl: false },
    });
    const connect = (options) => microphone.connect(new AudioContext(options), heard);
    try {
      await connect({ sampleRate: rate }).catch((error) => (error.name === "NotSupportedError" ? connect({}) : Promise.reject(error)));
    } catch (error) {
      await microphone.close();
      throw error;
    }
    return microphone;
  }

  async connect(context, heard) {
    await this.context?.close();
    this.context = context;
    this.rate = context.sampleRate;
    await context.audioWorklet.addModule(new URL("capture.js", import.meta.url));
    const source = context.createMediaStreamSource(this.stream), node = new AudioWorkletNode(context, "capture", { numberOfOutputs: 0 });
    node.port.onmessage = ({ data }) => heard(data);
    source.connect(node);
    await context.resume();
  }

  async close() {
    for (const track of this.stream.getTracks()) track.stop();
    await this.context.close();
  }
}
