/* One time axis: the lanes on a canvas, the waveforms by wavesurfer.js above it, one playhead through both. */
"use strict";
(() => {
  const bench = window.tmlBench;
  const { el } = bench;
  const MOST_SCALE = 600;

  /* The larger of lowest and highest of every stretch, in [0, 1], from pairs of int8. */
  function peaks(track) {
    if (!track || !track.count) return new Float32Array(2);
    const bytes = Uint8Array.from(atob(track.peaks), (letter) => letter.charCodeAt(0));
    const pairs = new Int8Array(bytes.buffer);
    const found = new Float32Array(pairs.length >> 1);
    for (let k = 0; k < found.length; k += 1) found[k] = Math.max(Math.abs(pairs[2 * k]), Math.abs(pairs[2 * k + 1])) / 127;
    return found;
  }

  /* Both tracks by one factor, so that the louder fills its lane and their levels compare. */
  function waveforms(doc) {
    const tracks = [peaks(doc.user_track), peaks(doc.model_track)];
    const loudest = Math.max(0.05, ...tracks.map((track) => track.reduce((most, peak) => Math.max(most, peak), 0)));
    return tracks.map((track) => track.map((peak) => peak / loudest));
  }

  class Timeline extends EventTarget {
    constructor(doc, player) {
      super();
      this.doc = doc;
      this.player = player;
      this.duration = Math.max(0.1, doc.duration_s);
      this.lanes = bench.lanesOf(doc);
      this.view = { left: 0, width: 0, scale: 1, duration: this.duration, height: 0 };
      this.zoomed = 0;
      this.canvas = el("canvas.lanes", { "aria-hidden": "true" });
      this.pen = this.canvas.getContext("2d");
      this.waves = el("div.waves", { "aria-hidden": "true" });
      this.head = el("div.playhead", { "aria-hidden": "true" });
      this.names = el("div.lanenames", { "aria-hidden": "true" });
      this.tip = el("div.tip", { hidden: true, "aria-hidden": "true" });
      this.field = el("div.field", {}, this.canvas, this.waves, this.head, this.tip);
      const label = `Time axis of ${doc.sample}, ${this.duration.toFixed(1)} seconds`;
      this.bar = el("input.scrollbar", { type: "range", min: 0, max: 1000, value: 0, hidden: true, "aria-label": "Scroll along the time axis", oninput: () => this.scroll((this.bar.value / 1000) * (this.whole() - this.view.width)) });
      this.root = el("div.timeline", { role: "group", "aria-label": label, "data-testid": "timeline" }, this.names, this.field, this.bar);
      this.listen();
      this.observer = new ResizeObserver(() => this.fit());
      this.observer.observe(this.field);
    }

    whole() {
      return this.duration * this.view.scale;
    }

    listen() {
      this.canvas.addEventListener("click", (event) => {
        const found = bench.itemAt(this.lanes, this.view, event.offsetX, event.offsetY);
        this.player.currentTime = found ? found.start : (event.offsetX + this.view.left) / this.view.scale;
      });
      this.canvas.addEventListener("mousemove", (event) => {
        const found = bench.itemAt(this.lanes, this.view, event.offsetX, event.offsetY);
        this.tip.hidden = !found;
        if (!found) return;
        const range = found.end === null ? bench.time(found.start) : `${bench.time(found.start)} – ${bench.time(found.end)}`;
        this.tip.textContent = `${found.tip}\n${range}`;
        this.tip.style.left = `${bench.clamp(event.offsetX + 12, 0, Math.max(0, this.view.width - 240))}px`;
        this.tip.style.top = `${event.offsetY + 14}px`;
      });
      this.canvas.addEventListener("mouseleave", () => {
        this.tip.hidden = true;
      });
      this.field.addEventListener(
        "wheel",
        (event) => {
          if (event.ctrlKey || event.metaKey) {
            event.preventDefault();
            this.zoom(Math.exp(-event.deltaY / 200), event.clientX - this.field.getBoundingClientRect().left);
          } else if (this.whole() > this.view.width + 1) {
            const by = event.deltaX || (event.shiftKey ? event.deltaY : 0);
            if (by) {
              event.preventDefault();
              this.scroll(this.view.left + by);
            }
          }
        },
        { passive: false },
      );
      this.onTime = () => this.follow();
      this.onPlay = () => this.run();
      this.player.addEventListener("timeupdate", this.onTime);
      this.player.addEventListener("play", this.onPlay);
      this.onTheme = () => this.recolour();
      window.addEventListener("themechange", this.onTheme);
    }

    /* Fits the lanes to the room there is, at the scale chosen or at least so that all is seen. */
    fit() {
      const width = this.field.clientWidth;
      if (!width) return;
      const view = this.view;
      view.width = width;
      view.scale = Math.max(width / this.duration, this.zoomed);
      view.left = bench.clamp(view.left, 0, Math.max(0, this.whole() - width));
      view.height = bench.placeLanes(this.pen, this.lanes, view.scale);
      const ratio = window.devicePixelRatio || 1;
      this.canvas.width = Math.round(width * ratio);
      this.canvas.height = Math.round(view.height * ratio);
      this.canvas.style.width = `${width}px`;
      this.canvas.style.height = `${view.height}px`;
      this.field.style.height = `${view.height}px`;
      this.pen.setTransform(ratio, 0, 0, ratio, 0, 0);
      const waves = this.lanes.filter((lane) => lane.kind === "wave");
      this.waves.style.top = `${waves[0].top}px`;
      this.names.replaceChildren(...this.lanes.map((lane) => {
        const name = el("span", {}, lane.name);
        name.style.top = `${lane.top + (lane.kind === "wave" ? bench.WAVE / 2 - 9 : lane.kind === "bars" ? -4 : 0)}px`;
        return name;
      }));
      if (this.surfer) this.show();
      else this.surf();
      this.draw();
    }

    surf() {
      this.paints = bench.paints(this.pen);
      const { user, model } = this.paints;
      const shared = { height: bench.WAVE, cursorWidth: 0, normalize: false };
      this.surfer = window.WaveSurfer.create({
        ...shared,
        container: this.waves,
        media: this.player,
        peaks: waveforms(this.doc),
        duration: this.duration,
        splitChannels: [
          { ...shared, waveColor: user, progressColor: user },
          { ...shared, waveColor: model, progressColor: model },
        ],
        hideScrollbar: true,
        autoScroll: false,
        dragToSeek: true,
        minPxPerSec: this.view.scale,
      });
      this.surfer.on("ready", () => {
        this.drawn = true;
        this.show();
        this.root.dataset.ready = "true";
      });
      this.surfer.on("scroll", () => {
        const left = this.surfer.getScroll();
        if (Math.abs(left - this.view.left) > 1 && !this.setting) this.scroll(left);
      });
    }

    /* Brings the waveforms to the view of the lanes. */
    show() {
      const { scale, left, width } = this.view;
      const more = this.whole() > width + 1;
      this.bar.hidden = !more;
      if (more) this.bar.value = Math.round((1000 * left) / (this.whole() - width));
      if (!this.drawn) return;
      this.setting = true;
      if (this.surfed !== `${scale} ${width}`) {
        this.surfer.zoom(more ? scale : 0);
        this.surfed = `${scale} ${width}`;
      }
      this.surfer.setScroll(left);
      this.setting = false;
    }

    zoom(by, at = this.view.width / 2) {
      const second = (at + this.view.left) / this.view.scale;
      this.zoomed = bench.clamp(this.view.scale * by, this.view.width / this.duration, MOST_SCALE);
      this.view.left = second * this.zoomed - at;
      this.fit();
      this.tell();
    }

    all() {
      this.zoomed = 0;
      this.fit();
      this.tell();
    }

    scroll(left) {
      this.view.left = bench.clamp(left, 0, Math.max(0, this.whole() - this.view.width));
      this.show();
      this.draw();
      this.tell();
    }

    tell() {
      if (!this.silent) this.dispatchEvent(new Event("view"));
    }

    /* Shows the same stretch as another timeline. */
    like(other) {
      this.silent = true;
      this.zoomed = other.zoomed ? other.view.scale : 0;
      this.view.left = (other.view.left / other.view.scale) * (this.zoomed || this.view.scale);
      this.fit();
      this.silent = false;
    }

    /* Keeps a time in sight. */
    reveal(at) {
      const x = at * this.view.scale - this.view.left;
      if (x < 0 || x > this.view.width) this.scroll(at * this.view.scale - this.view.width * 0.2);
      else this.draw();
    }

    run() {
      const step = () => {
        if (this.player.paused || this.closed) return;
        this.follow();
        requestAnimationFrame(step);
      };
      requestAnimationFrame(step);
    }

    follow() {
      const at = this.player.currentTime;
      const x = at * this.view.scale - this.view.left;
      if (!this.player.paused && (x < 0 || x > this.view.width)) this.reveal(at);
      const now = at * this.view.scale - this.view.left;
      this.head.style.transform = `translateX(${now.toFixed(1)}px)`;
      this.head.hidden = now < -1 || now > this.view.width + 1;
    }

    draw() {
      if (this.asked) return;
      this.asked = requestAnimationFrame(() => {
        this.asked = 0;
        if (this.closed || !this.view.width) return;
        this.paints = this.paints || bench.paints(this.pen);
        bench.drawLanes(this.pen, this.paints, this.lanes, this.view);
        this.follow();
      });
    }

    recolour() {
      this.paints = bench.paints(this.pen);
      const { user, model } = this.paints;
      if (this.surfer) {
        const shared = { height: bench.WAVE, cursorWidth: 0, normalize: false };
        this.surfer.setOptions({ splitChannels: [
          { ...shared, waveColor: user, progressColor: user }, { ...shared, waveColor: model, progressColor: model },
        ] });
      }
      this.draw();
    }

    close() {
      this.closed = true;
      this.observer.disconnect();
      this.player.removeEventListener("timeupdate", this.onTime);
      this.player.removeEventListener("play", this.onPlay);
      window.removeEventListener("themechange", this.onTheme);
      if (this.surfer) this.surfer.destroy();
    }
  }

  bench.Timeline = Timeline;
})();
