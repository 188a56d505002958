/* One system on one sample: its header, the player, the time axis, the video and the panels. */
"use strict";
(() => {
  const bench = window.tmlBench;
  const { el } = bench;
  let made = 0;

  /* The video before the camera follows the player; what is shown when none runs is as the session had it. */
  class Videos {
    constructor(doc, player) {
      this.player = player;
      this.videos = doc.videos.filter((v) => v.address).map((v) => {
        const element = el("video", { muted: true, playsInline: true, preload: "auto", src: v.address, "aria-label": `Video ${v.name}`, tabIndex: -1 });
        element.addEventListener("error", () => {
          this.note.textContent = `${v.name} cannot be played by this browser`;
        });
        return { ...v, element };
      });
      this.note = el("figcaption", { "data-testid": "video-time" });
      this.root = el("figure.video", { "data-testid": "video" }, el("div.screen", {}, this.videos.map((v) => v.element)), this.note);
    }

    follow() {
      const at = this.player.currentTime;
      const now = this.videos.findLast((v) => at >= v.start_s && (at < v.end_s || v.after === "frozen"));
      for (const video of this.videos) {
        video.element.hidden = video !== now;
        const { element } = video;
        if (video !== now) {
          if (!element.paused) element.pause();
          continue;
        }
        const want = Math.min(at, video.end_s) - video.start_s;
        const runs = !this.player.paused && at < video.end_s;
        if (runs && element.paused) element.play().catch(() => element.pause());
        if (!runs && !element.paused) element.pause();
        element.playbackRate = this.player.playbackRate;
        if (!element.seeking && Math.abs(element.currentTime - want) > (runs ? 0.12 : 0.02)) element.currentTime = want;
      }
      if (now && !now.element.error) this.note.textContent = `${now.name} · ${bench.time(Math.min(at, now.end_s) - now.start_s)}`;
      else if (!now) this.note.textContent = "no video at this time";
    }
  }

  class SampleView {
    constructor(doc, row) {
      this.doc = doc;
      this.name = `view${(made += 1)}`;
      const tracks = [doc.user_track, doc.model_track].map((track) => (track ? track.address : ""));
      this.player = new bench.TwoTracks(tracks, doc.duration_s);
      this.there = tracks.some(Boolean);
      this.timeline = this.there ? new bench.Timeline(doc, this.player) : null;
      this.videos = doc.videos.some((v) => v.address) ? new Videos(doc, this.player) : null;
      this.missed = doc.windows.filter((w) => w.state === "missed").map((w) => w.start_s);
      this.root = el("article.view", { "aria-label": `${doc.adapter} on ${doc.sample}`, "data-testid": "view", "data-run": doc.run },
        this.head(row), this.there ? this.transport() : el("p.warn", {}, "This sample has no recording."),
        el("div.stage", {}, this.videos ? this.videos.root : null, this.timeline ? this.timeline.root : null),
        this.there ? this.legend() : null,
        el("div.panels", {}, bench.panelsOf(doc, this.there ? this.player : null, this.name)),
      );
      if (this.there) this.watch();
    }

    head(row) {
      const { doc } = this;
      const score = row && row.score !== null ? el("p.score", { "data-testid": "sample-score" }, el("b", {}, bench.value(row.score, row.metric.unit)), el("small", {}, row.metric.title)) : null;
      const run = row ? row.run : null;
      const facts = [run && run.dataset, run && run.clock, run && run.compute, run && run.network && run.network !== "ideal" && `network ${run.network}`, doc.attempts > 1 && `attempt ${doc.attempt} of ${doc.attempts}`, doc.ended && doc.ended.slice(0, 10)].filter(Boolean);
      return el("header.viewhead", {}, el("div", {}, el("h2", {}, doc.adapter, run && run.ruler ? el("span.tag", {}, "ruler") : null),
        el("p.soft", {}, el("span.outcome", { "data-outcome": doc.outcome }, doc.outcome.replaceAll("_", " ")), doc.reason ? ` · ${doc.reason}` : "", facts.length ? ` · ${facts.join(" · ")}` : "")), score);
    }

    transport() {
      const { player } = this;
      this.button = el("button.play", { type: "button", "data-testid": "play", "aria-label": "Play", onclick: () => this.toggle() }, el("span", { "aria-hidden": "true" }, "▶"));
      this.clock = el("span.clock", { role: "timer", "data-testid": "current-time", "data-seconds": "0" }, bench.time(0));
      this.position = el("input.position", { type: "range", min: 0, max: player.duration, step: 0.01, value: 0, "aria-label": "Position in seconds", "data-testid": "position", oninput: () => { player.currentTime = Number(this.position.value); } });
      this.mutes = ["user", "model"].map((side, k) => el(`button.mute.m-${side}`, { type: "button", "data-testid": `mute-${side}`, "aria-pressed": "false", onclick: () => this.mute(k) }, k ? "Mute model (right)" : "Mute user (left)"));
      const speed = el("select", { "aria-label": "Speed", "data-testid": "speed", onchange: () => { player.playbackRate = Number(speed.value); } }, [0.5, 0.75, 1, 1.5, 2].map((rate) => el("option", { value: rate, selected: rate === 1 }, `${rate}×`)));
      this.jump = el("button", { type: "button", "data-testid": "next-missed", disabled: !this.missed.length, onclick: () => this.nextMissed() }, `Next missed (${this.missed.length})`);
      const zoom = (label, sign, act, name) => el("button.icon", { type: "button", "aria-label": label, "data-testid": name, onclick: act }, el("span", { "aria-hidden": "true" }, sign));
      return el("div.transport", { role: "group", "aria-label": "Player" }, this.button, el("span.times", {}, this.clock, el("span.soft", {}, ` / ${bench.time(player.duration)}`)), this.position,
        ...this.mutes, speed, this.jump,
        el("span.zooms", { role: "group", "aria-label": "Zoom" }, zoom("Zoom out", "−", () => this.zoom(1 / 1.6), "zoom-out"), zoom("Zoom in", "+", () => this.zoom(1.6), "zoom-in"), zoom("Show all", "⤢", () => this.timeline.all(), "zoom-fit")));
    }

    legend() {
      const states = new Set(this.timeline.lanes.flatMap((lane) => lane.items || []).map((one) => one.kind).filter((kind) => kind.startsWith("s-")).map((kind) => kind.slice(2)));
      const parts = new Set(this.doc.latencies.flatMap((l) => l.parts).map((p) => p.name));
      if (!states.size && !parts.size) return null;
      return el("p.legend", {}, Object.keys(bench.STATES).filter((name) => states.has(name) && name !== "context").map((name) => bench.chip(name)),
        [...parts].map((part) => el("span.part", {}, el(`i.p-${bench.part(part)}`), part)),
        this.doc.latencies.length ? el("span.soft", {}, `answered after ${this.doc.latencies.map((l) => Math.round(1000 * (l.end_s - l.start_s))).join(", ")} ms`) : null);
    }

    watch() {
      const { player } = this;
      const tell = () => {
        this.frame();
        bench.say(`${player.paused ? "Paused" : "Playing"} at ${bench.time(player.currentTime)}`);
      };
      player.addEventListener("timeupdate", () => this.frame());
      player.addEventListener("seeked", () => {
        this.timeline.reveal(player.currentTime);
        if (player.paused) tell();
      });
      for (const name of ["play", "pause"]) {
        player.addEventListener(name, () => {
          this.button.setAttribute("aria-label", player.paused ? "Play" : "Pause");
          this.button.firstChild.textContent = player.paused ? "▶" : "❚❚";
          this.button.dataset.playing = String(!player.paused);
          tell();
        });
      }
      player.ready.then(() => {
        this.root.dataset.ready = "true";
      }, (error) => this.failed(error));
      if (this.videos) this.videos.follow();
    }

    failed(error) {
      this.root.dataset.ready = "failed";
      if (!this.root.querySelector(".failed")) this.root.firstChild.after(el("p.warn.failed", { role: "alert" }, `The sound cannot be played: ${error.message}`));
    }

    frame() {
      const at = this.player.currentTime;
      this.clock.textContent = bench.time(at);
      this.clock.dataset.seconds = at.toFixed(3);
      this.position.value = at;
      this.position.setAttribute("aria-valuetext", bench.time(at));
      if (this.videos) this.videos.follow();
    }

    toggle() {
      if (!this.player.paused) this.player.pause();
      else this.player.play().catch((error) => this.failed(error));
    }

    mute(k) {
      const muted = !this.player.mutedTracks[k];
      this.player.mute(k, muted);
      this.mutes[k].setAttribute("aria-pressed", String(muted));
    }

    zoom(by) {
      const { view } = this.timeline;
      const x = this.player.currentTime * view.scale - view.left;
      this.timeline.zoom(by, x >= 0 && x <= view.width ? x : view.width / 2);
    }

    nextMissed() {
      if (!this.missed.length) return;
      const now = this.player.currentTime;
      this.player.currentTime = this.missed.find((at) => at > now + 0.005) ?? this.missed[0];
    }

    close() {
      this.player.close();
      if (this.timeline) this.timeline.close();
    }
  }

  bench.SampleView = SampleView;
})();
