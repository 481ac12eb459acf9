// Hands on what the microphone hears, 128 samples of each channel at a time.

class Capture extends AudioWorkletProcessor {
  process([channels]) {
    if (channels.length) this.port.postMessage(channels);
    return true;
  }
}

registerProcessor("capture", Capture);
