/* Browsers start no workers for pages that are opened from a folder, and the search is one. There
   it runs in a hidden frame instead, which gets and gives messages as a worker does. */
if (location.protocol === "file:") {
  window.Worker = class extends EventTarget {
    constructor(url) {
      super();
      this.onmessage = null;
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      document.body.appendChild(this.frame);
      const inside = this.frame.contentWindow;
      this.ready = new Promise((resolve) => this.frame.addEventListener("load", resolve, { once: true }));
      inside.addEventListener("error", (event) => console.error(event.message));
      inside.document.open();
      inside.document.write(
        "<!doctype html><body><script>" +
          "var tell = function (data) { frameElement.dispatchEvent(new MessageEvent('said', { data: data })); };" +
          "window.postMessage = tell;" +
          "window.importScripts = function () {" +
          "  return [].slice.call(arguments).reduce(function (before, url) {" +
          "    return before.then(function () { return new Promise(function (done) {" +
          "      var script = document.createElement('script');" +
          "      script.src = url; script.onload = done; document.body.appendChild(script);" +
          "    }); });" +
          "  }, Promise.resolve());" +
          "};" +
          "</" + "script><script src='" + url + "'></" + "script></body>",
      );
      inside.document.close();
      this.frame.addEventListener("said", (event) => {
        const told = new MessageEvent("message", { data: event.data });
        this.dispatchEvent(told);
        if (this.onmessage) this.onmessage(told);
      });
    }

    postMessage(data) {
      this.ready.then(() =>
        this.frame.contentWindow.dispatchEvent(new MessageEvent("message", { data: data })),
      );
    }

    terminate() {
      this.frame.remove();
    }
  };
}
