// Hands on what a microphone hears, as 16-bit samples, a quarter of a second at a time.

class MicrophoneSamples extends AudioWorkletProcessor {
  constructor() {
    super();
    this.held = new Int16Array(Math.floor(sampleRate / 4));
    this.count = 0;
    this.port.onmessage = () => { this.give(); this.port.postMessage(null); };
  }

  process([channels]) {
    for (const value of channels[0] ?? []) {
      this.held[this.count++] = Math.round(Math.min(1, Math.max(-1, value)) * 32767);
      if (this.count === this.held.length) this.give();
    }
    return true;
  }

  give() {
    this.port.postMessage(this.held.slice(0, this.count));
    this.count = 0;
  }
}

registerProcessor("microphone-samples", MicrophoneSamples);
