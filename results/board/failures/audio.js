/* Plays the user's track on the left and the model's on the right, on one clock.

   Both tracks are decoded into one AudioContext and start at the same instant of its clock. Long sessions would
   not fit in memory: two media elements play then, and the second follows the first by its playback rate. To
   wavesurfer.js it is the media element. */
"use strict";
(() => {
  const bench = window.tmlBench;
  const LONGEST_DECODED_S = 900;
  const RATE = 24000;
  const AHEAD_S = 0.03;
  const READINGS = 8;

  class Buffers {
    constructor(urls) {
      this.sources = [];
      this.muted = [false, false];
      const decoder = new OfflineAudioContext(1, 1, RATE);
      this.ready = Promise.all(
        urls.map(async (url) => {
          if (!url) return null;
          return decoder.decodeAudioData(await bench.bytes(url));
        }),
      ).then((buffers) => {
        this.buffers = buffers;
      });
    }

    /* Made when it is first needed: before the person has touched the page a browser would refuse it. */
    open() {
      this.context = new AudioContext({ sampleRate: RATE, latencyHint: "interactive" });
      this.gains = [-1, 1].map((side, k) => {
        const gain = this.context.createGain();
        gain.gain.value = this.muted[k] ? 0 : 1;
        const pan = this.context.createStereoPanner();
        pan.pan.value = side;
        gain.connect(pan).connect(this.context.destination);
        return gain;
      });
    }

    async start(at, rate) {
      await this.ready;
      if (!this.context) this.open();
      await this.context.resume();
      this.stop();
      this.when = this.context.currentTime + AHEAD_S;
      this.from = at;
      this.rate = rate;
      this.sources = this.buffers.map((buffer, k) => {
        if (!buffer || at >= buffer.duration) return null;
        const source = this.context.createBufferSource();
        source.buffer = buffer;
        source.playbackRate.value = rate;
        source.connect(this.gains[k]);
        source.start(this.when, at);
        return source;
      });
    }

    stop() {
      for (const source of this.sources) if (source) source.stop();
      this.sources = [];
    }

    times() {
      const now = this.from + Math.max(0, this.context.currentTime - this.when) * this.rate;
      return [now, now];
    }

    mute(k, muted) {
      this.muted[k] = muted;
      if (this.gains) this.gains[k].gain.value = muted ? 0 : 1;
    }

    close() {
      this.stop();
      if (this.context) this.context.close();
    }
  }

  class Elements {
    constructor(urls) {
      this.elements = urls.map((url) => {
        const audio = document.createElement("audio");
        audio.preload = "auto";
        if (url) audio.src = url;
        return audio;
      });
      this.there = this.elements.filter((audio) => audio.src);
      this.ready = Promise.all(
        this.there.map(
          (audio) =>
            new Promise((resolve, reject) => {
              audio.addEventListener("canplay", resolve, { once: true });
              audio.addEventListener("error", () => reject(new Error(`${audio.src} cannot be played`)), { once: true });
            }),
        ),
      );
    }

    /* Left and right; an element whose file the page may not read would fall silent in a context. */
    spread() {
      this.context = new AudioContext();
      this.elements.forEach((audio, k) => {
        const pan = this.context.createStereoPanner();
        pan.pan.value = k ? 1 : -1;
        this.context.createMediaElementSource(audio).connect(pan).connect(this.context.destination);
      });
    }

    /* Both seek, even to where they are: elements that have just sought start together, others do not. */
    async start(at, rate) {
      await this.ready;
      if (!bench.local && !this.context) this.spread();
      if (this.context) await this.context.resume();
      this.rate = rate;
      this.drifts = [];
      const playing = this.there.filter((audio) => at < audio.duration);
      await Promise.all(
        playing.map((audio) => {
          audio.playbackRate = rate;
          const sought = new Promise((resolve) => audio.addEventListener("seeked", resolve, { once: true }));
          audio.currentTime = at;
          return sought;
        }),
      );
      await Promise.all(playing.map((audio) => audio.play()));
    }

    stop() {
      for (const audio of this.there) audio.pause();
    }

    times() {
      const [user, model] = this.elements.map((audio) => audio.currentTime);
      return [user, model];
    }

    /* The second follows the first: gently by its rate, or by a jump where it is far off. A single reading of
       an element's time may be off by a buffer, hence the mean of the last ones decides. */
    follow() {
      const [first, second] = this.elements;
      if (first.paused || second.paused || first.ended || second.ended) return;
      this.drifts = [...this.drifts, first.currentTime - second.currentTime].slice(-READINGS);
      const drift = this.drifts.reduce((sum, one) => sum + one, 0) / this.drifts.length;
      if (Math.abs(drift) > 0.3) {
        second.currentTime = first.currentTime;
        this.drifts = [];
      } else if (this.drifts.length >= READINGS / 2) {
        second.playbackRate = this.rate * (1 + (Math.abs(drift) < 0.005 ? 0 : bench.clamp(1.5 * drift, -0.08, 0.08)));
      }
    }

    mute(k, muted) {
      this.elements[k].muted = muted;
    }

    close() {
      this.stop();
      for (const audio of this.there) {
        audio.removeAttribute("src");
        audio.load();
      }
      if (this.context) this.context.close();
    }
  }

  class TwoTracks extends EventTarget {
    constructor(urls, duration) {
      super();
      this.duration = duration;
      this.paused = true;
      this.ended = false;
      this.seeking = false;
      this.muted = false;
      this.volume = 1;
      this.src = this.currentSrc = "";
      this.mutedTracks = [false, false];
      this.position = 0;
      this.rate = 1;
      this.until = null;
      const decoded = duration <= LONGEST_DECODED_S;
      this.way = decoded ? "decoded" : "elements";
      this.engine = new (decoded ? Buffers : Elements)(urls);
      this.ready = this.engine.ready;
    }

    /* Where each track is, in seconds: user, model. */
    times() {
      return this.paused ? [this.position, this.position] : this.engine.times();
    }

    get currentTime() {
      if (this.paused || this.starting) return this.position;
      return Math.min(this.duration, Math.max(...this.engine.times()));
    }

    set currentTime(at) {
      this.position = bench.clamp(at, 0, this.duration);
      this.ended = false;
      this.until = null;
      this.tell("seeking");
      if (!this.paused) this.begin().catch(() => this.pause());
      this.tell("timeupdate", "seeked");
    }

    get playbackRate() {
      return this.rate;
    }

    set playbackRate(rate) {
      this.position = this.currentTime;
      this.rate = rate;
      if (!this.paused) this.begin().catch(() => this.pause());
      this.tell("ratechange");
    }

    async begin() {
      const mine = (this.starting = {});
      this.engine.stop();
      try {
        await this.engine.start(this.position, this.rate);
      } finally {
        if (this.starting === mine) this.starting = null;
      }
      if (this.paused) this.engine.stop();
    }

    async play() {
      if (!this.paused) return;
      if (this.position >= this.duration - 0.01) this.position = 0;
      this.paused = false;
      this.ended = false;
      try {
        await this.begin();
      } catch (error) {
        this.pause();
        throw error;
      }
      if (this.paused) return;
      this.clock = setInterval(() => this.beat(), 50);
      this.tell("play", "playing");
    }

    /* Plays a stretch and stops at its end. */
    async stretch(from, to) {
      this.currentTime = from;
      this.until = to;
      await this.play();
    }

    beat() {
      if (this.engine.follow) this.engine.follow();
      const now = this.currentTime;
      const end = this.until ?? this.duration;
      if (now >= end - 0.005) {
        this.pause();
        if (this.until === null) {
          this.position = this.duration;
          this.ended = true;
          this.tell("ended");
        }
        this.until = null;
      } else this.tell("timeupdate");
    }

    pause() {
      if (this.paused) return;
      this.position = this.currentTime;
      this.paused = true;
      clearInterval(this.clock);
      this.engine.stop();
      this.tell("timeupdate", "pause");
    }

    mute(k, muted) {
      this.mutedTracks[k] = muted;
      this.engine.mute(k, muted);
      this.tell("mutechange");
    }

    close() {
      this.pause();
      this.engine.close();
    }

    load() {}
    removeAttribute() {}
    canPlayType() {
      return "";
    }

    tell(...names) {
      for (const name of names) this.dispatchEvent(new Event(name));
    }
  }

  bench.TwoTracks = TwoTracks;
})();
