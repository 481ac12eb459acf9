// The network in its worker, as a thing to be asked.

export class Network {
  // Resolves once the model is loaded, and has run once, which takes longer than all later times. `model` is the content
  // of a file, which moves to the worker; `samples` the length of a window.
  static async open(model, samples) {
    const network = new Network();
    await network.send({ model }, [model]);
    await network.ask(new Float32Array(samples));
    return network;
  }

  constructor() {
    // A worker of a blob has the content policy of the page: whatever runs in it reaches no other server either.
    const code = `import ${JSON.stringify(new URL("worker.js", import.meta.url).href)};`;
    const address = URL.createObjectURL(new Blob([code], { type: "text/javascript" }));
    this.worker = new Worker(address, { type: "module" });
    this.waiting = new Map();
    this.asked = 0;
    this.worker.onmessage = ({ data: { id, found, error } }) => {
      const { resolve, reject } = this.waiting.get(id);
      this.waiting.delete(id);
      if (error) reject(new Error(error));
      else resolve(found);
    };
    this.worker.onerror = (event) => {
      event.preventDefault();
      for (const { reject } of this.waiting.values()) reject(new Error("onnxruntime-web does not start; run npm install beside the page"));
      this.waiting.clear();
    };
  }

  send(words, moved) {
    return new Promise((resolve, reject) => {
      const id = ++this.asked;
      this.waiting.set(id, { resolve, reject });
      this.worker.postMessage({ id, ...words }, moved);
    });
  }

  // Resolves to the probabilities of a window, (emotions,).
  ask(window) {
    return this.send({ window }, [window.buffer]);
  }

  close() {
    this.worker.terminate();
  }
}
