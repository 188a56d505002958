/* What is drawn on the time axis: lanes of items, each an item {start, end, text, kind, tip}; end null is an instant. */
"use strict";
(() => {
  const bench = window.tmlBench;
  const FONT = "12px system-ui, -apple-system, 'Segoe UI', Roboto, sans-serif";
  const RULER = 24;
  const WAVE = 64;
  const LINE = 17;
  const GAP = 6;
  const MOST_LINES = 4;
  const MOST_ROWS = 24; // with more, rows that tell of no hit or fault would hide those that do

  const item = (start, end, text, kind, tip) => ({ start, end: end ?? null, text: text || "", kind, tip: tip || text || "" });
  const words = (texts) => texts.filter((w) => w.start_s !== null).map((w) => item(w.start_s, w.end_s, w.text, "word"));
  const spoken = (stretches, kind) => stretches.map((s) => item(s.start_s, s.end_s, "", kind, `${kind}: speech`));
  const ends = (user) => (user.speech_end_s === null ? [] : [item(user.speech_end_s, null, "", "end", "the user's speech ends")]);
  const ms = (s) => `${Math.round(1000 * s)} ms`;

  function windows(doc, expected) {
    return doc.windows.filter((w) => w.expected === expected).map((w) => {
      const { word } = bench.STATES[bench.state(w.state)];
      return item(w.start_s, w.end_s, w.label, `s-${bench.state(w.state)}`, `${w.label}: ${w.happened || word}`);
    });
  }

  const PREFIXES = [["on time", "hit"], ["hit", "hit"], ["early", "early"], ["late", "late"], ["wrong", "wrong"], ["false alarm", "false_alarm"], ["miss", "missed"]];
  /* What a row of the score says happened, from how the tasks begin its name. */
  bench.rowState = (event) => {
    const found = PREFIXES.find(([prefix]) => event.toLowerCase().startsWith(prefix));
    return found ? found[1] : "context";
  };
  function scored(doc) {
    const rows = (doc.score ? doc.score.rows : []).filter((r) => r.start_s !== null && !r.event.startsWith("expected"));
    const telling = rows.filter((r) => bench.rowState(r.event) !== "context");
    return (rows.length > MOST_ROWS ? telling : rows).map((r) => item(r.start_s, r.end_s, r.event, `s-${bench.rowState(r.event)}`));
  }

  function happenings(doc) {
    return [
      ...doc.tool_calls.map((c) => item(c.at_s, c.returned_s, `${c.name}()`, c.is_error ? "error" : "tool", `tool call ${c.name} ${c.filled || c.arguments}\n→ ${c.ended ? c.ended + ": " : ""}${c.returned_s === null ? "no answer" : c.output}`)),
      ...doc.interruptions.map((i) => item(i.start_s, i.end_s, `${i.by} interrupts`, "interruption", `the ${i.by} began while the other spoke`)),
      ...doc.flushes.map((f) => item(f.at_s, null, "flush", "flush", `flush: ${f.heard_s.toFixed(2)} s heard, ${f.dropped_s.toFixed(2)} s dropped`)),
      ...doc.user.texts.map((t) => item(t.start_s, null, `user writes: ${t.text}`, "text")),
      ...doc.model.texts.map((t) => item(t.start_s, null, `model writes: ${t.text}`, "text")),
      ...doc.user.turns.filter((t) => t.timed_out).map((t) => item(t.start_s, null, "cue timed out", "error", `the cue ${t.cue} did not come`)),
    ].filter((one) => one.start !== null);
  }

  /* The lanes of a sample from top to bottom; those with nothing in them are left out. */
  bench.lanesOf = (doc) => {
    const judged = doc.judgements.map((j, k) => [j, k]).filter(([j]) => j.start_s !== null);
    const heard = doc.videos.flatMap((v) => v.subtitles);
    return [
      { name: "asked", kind: "blocks", items: doc.user.turns.filter((t) => t.label).map((t) => item(t.start_s, t.end_s, t.label, "turn")) },
      { name: "video", kind: "blocks", items: doc.videos.map((v) => item(v.start_s, v.end_s, v.name, "turn")) },
      { name: "subtitles", kind: "text", items: words(heard) },
      { name: "user says", kind: "text", items: words(doc.user.words) },
      { name: "speech", kind: "bars", items: [...spoken(doc.user.speech, "user"), ...ends(doc.user)] },
      { name: "user", kind: "wave" },
      { name: "model", kind: "wave" },
      { name: "speech", kind: "bars", items: spoken(doc.model.speech, "model") },
      { name: "model says", kind: "text", items: words(doc.model.words) },
      { name: "expected", kind: "blocks", items: windows(doc, true) },
      { name: "scored", kind: "blocks", items: scored(doc) },
      { name: "context", kind: "blocks", items: windows(doc, false) },
      { name: "events", kind: "marks", items: happenings(doc) },
      { name: "network", kind: "blocks", line: true, items: doc.delays.map((d) => item(d.at_s, d.at_s + d.delay_s, "", "part-1", `network ${d.direction} ${ms(d.delay_s)}`)) },
      { name: "latency", kind: "blocks", line: true, items: doc.latencies.flatMap((l) => l.parts).map((p) => item(p.start_s, p.end_s, "", `part-${bench.part(p.name)}`, `${p.name} ${ms(p.end_s - p.start_s)}`)) },
      { name: "judged", kind: "blocks", items: judged.map(([j, k]) => item(j.start_s, j.end_s, j.answer ?? "no answer", "turn", `question ${k + 1}: ${j.answer ?? j.missing}`)) },
    ].filter((lane) => lane.kind === "wave" || lane.items.length);
  };

  /* A part of a latency as the number of its colour. */
  const PARTS = ["endpointing", "network", "queue", "compute", "playback", "silence"];
  bench.part = (name) => {
    const at = PARTS.findIndex((part) => name.includes(part));
    return at < 0 ? PARTS.length - 1 : at;
  };

  /* Gives every item a line on which it meets no other at this scale; returns how many lines are used. */
  function arrange(context, lane, scale) {
    const free = [];
    let most = 1;
    lane.items.sort((a, b) => a.start - b.start);
    for (const one of lane.items) {
      const wide = one.text ? context.measureText(one.text).width + 3 : 4;
      const left = one.start * scale;
      const block = ((one.end ?? one.start) - one.start) * scale;
      const right = left + (lane.kind === "blocks" ? Math.max(block - 2, one.end === null ? 14 : 1) : Math.max(block, wide));
      let line = lane.line ? 0 : free.findIndex((end) => end <= left + 0.5);
      if (line < 0) line = free.length < MOST_LINES ? free.push(0) - 1 : -1;
      one.line = line < 0 ? MOST_LINES - 1 : line;
      one.shown = line >= 0;
      if (line >= 0) free[line] = right + 2;
      most = Math.max(most, one.line + 1);
    }
    return most;
  }

  /* Sets the places of all lanes for a scale in pixels a second; returns the whole height. */
  bench.placeLanes = (context, lanes, scale) => {
    context.font = FONT;
    let top = RULER;
    for (const lane of lanes) {
      lane.top = top;
      if (lane.kind === "wave") lane.height = WAVE;
      else if (lane.kind === "bars") lane.height = 10;
      else lane.height = Math.max(1, arrange(context, lane, scale)) * LINE;
      top += lane.height + (lane.kind === "wave" ? 0 : GAP);
    }
    return top + 4;
  };

  /* Colours and patterns of the current theme; what differs by colour differs by pattern too. */
  bench.paints = (context) => {
    const style = getComputedStyle(document.documentElement);
    const colour = (name) => style.getPropertyValue(`--${name}`).trim();
    const tile = (fill, ink, strokes) => {
      const canvas = document.createElement("canvas");
      canvas.width = canvas.height = 8;
      const pen = canvas.getContext("2d");
      pen.fillStyle = fill;
      pen.fillRect(0, 0, 8, 8);
      pen.strokeStyle = pen.fillStyle = ink;
      pen.lineWidth = 1.5;
      for (const [x1, y1, x2, y2] of strokes) {
        pen.beginPath();
        if (x1 === x2 && y1 === y2) {
          pen.arc(x1, y1, 1.3, 0, 7);
          pen.fill();
        } else {
          pen.moveTo(x1, y1);
          pen.lineTo(x2, y2);
          pen.stroke();
        }
      }
      return context.createPattern(canvas, "repeat");
    };
    const up = [[-1, 9, 9, -1], [-5, 5, 5, -5], [3, 13, 13, 3]];
    const down = [[-1, -1, 9, 9], [-5, 3, 5, 13], [3, -5, 13, 5]];
    const shapes = { hit: [], early: up, late: down, wrong: [[0, 4, 8, 4]], missed: [...up, ...down], false_alarm: [[2, 2, 2, 2], [6, 6, 6, 6]], unknown: [], context: [] };
    const results = {};
    for (const [name, strokes] of Object.entries(shapes)) {
      results[`s-${name}`] = { edge: colour(`s-${name}`), fill: tile(colour(`s-${name}-soft`), colour(`s-${name}`), strokes) };
    }
    return { colour, results, ink: colour("ink"), soft: colour("soft"), line: colour("line"), card: colour("card"), user: colour("user"), model: colour("model"), band: colour("band") };
  };

  function ruler(pen, paints, view, height) {
    const steps = [0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800];
    const step = steps.find((s) => s * view.scale >= 64) || 3600;
    pen.textAlign = "left";
    for (let k = Math.floor(view.left / view.scale / step); k * step * view.scale < view.left + view.width; k += 1) {
      const x = Math.round(k * step * view.scale - view.left) + 0.5;
      pen.strokeStyle = paints.line;
      pen.beginPath();
      pen.moveTo(x, RULER - 6);
      pen.lineTo(x, height);
      pen.stroke();
      const s = k * step;
      const minutes = Math.floor(s / 60);
      const text = view.duration < 100 ? `${Number(s.toFixed(2))} s` : `${minutes}:${String(Number((s - 60 * minutes).toFixed(1))).padStart(2, "0")}`;
      pen.fillStyle = paints.soft;
      pen.fillText(text, x + 3, RULER - 10);
    }
  }

  function text(pen, paints, one, x, y, width) {
    if (!one.text || width < 14) return;
    pen.save();
    pen.beginPath();
    pen.rect(x, y, width, LINE);
    pen.clip();
    pen.fillStyle = paints.ink;
    pen.fillText(one.text, x + 4, y + LINE / 2);
    pen.restore();
  }

  function draw(pen, paints, lane, one, x, wide) {
    const y = lane.top + (one.line || 0) * LINE;
    if (lane.kind === "bars") {
      if (one.end === null) {
        pen.fillStyle = paints.ink;
        pen.fillRect(x - 1, lane.top - 1, 2, lane.height + 2);
        return;
      }
      pen.fillStyle = paints[one.kind];
      pen.fillRect(x, lane.top + 2, Math.max(1, wide), lane.height - 4);
    } else if (lane.kind === "text") {
      pen.fillStyle = one.shown ? paints.ink : paints.soft;
      if (one.shown) pen.fillText(one.text, x + 1, y + LINE / 2);
      else pen.fillRect(x, y + LINE - 3, Math.max(1, wide), 1);
    } else if (lane.kind === "marks") {
      pen.fillStyle = paints.colour(`e-${one.kind}`) || paints.soft;
      if (wide > 3) pen.fillRect(x, y + LINE - 4, wide, 3);
      pen.beginPath();
      pen.moveTo(x, y + 4);
      pen.lineTo(x + 5, y + LINE / 2);
      pen.lineTo(x, y + LINE - 4);
      pen.closePath();
      pen.fill();
      pen.fillStyle = paints.ink;
      if (one.shown) pen.fillText(one.text, x + 7, y + LINE / 2);
    } else {
      const result = paints.results[one.kind];
      const part = one.kind.startsWith("part-");
      const colour = part ? paints.colour(one.kind) : paints.soft;
      pen.fillStyle = result ? result.fill : part ? colour : paints.band;
      pen.fillRect(x, y + 1, Math.max(2, wide), LINE - 3);
      pen.strokeStyle = result ? result.edge : colour;
      pen.strokeRect(x + 0.5, y + 1.5, Math.max(2, wide) - 1, LINE - 4);
      if (result && one.end === null) {
        pen.fillStyle = result.edge;
        pen.fillText(bench.STATES[one.kind.slice(2)].sign, x + 4, y + LINE / 2);
      }
      if (result && one.text && wide > 24) {
        const length = Math.min(wide - 4, pen.measureText(one.text).width + 6);
        pen.fillStyle = paints.card;
        pen.globalAlpha = 0.85;
        pen.fillRect(x + 2, y + 2.5, length, LINE - 6);
        pen.globalAlpha = 1;
      }
      if (!part) text(pen, paints, one, x, y, wide);
    }
  }

  /* Draws what a view shows: {left, width, scale, duration, height}. */
  bench.drawLanes = (pen, paints, lanes, view) => {
    pen.font = FONT;
    pen.textBaseline = "middle";
    pen.lineWidth = 1;
    pen.clearRect(0, 0, view.width, view.height);
    ruler(pen, paints, view, view.height);
    const waves = lanes.filter((lane) => lane.kind === "wave");
    const expected = lanes.find((lane) => lane.name === "expected");
    const seen = (one) => {
      const x = one.start * view.scale - view.left;
      const wide = ((one.end ?? one.start) - one.start) * view.scale;
      return x + wide < -400 || x > view.width ? null : [x, wide];
    };
    for (const one of expected ? expected.items : []) {
      const at = seen(one);
      const paint = paints.results[one.kind];
      if (!at || !paint) continue;
      const height = waves.length * WAVE;
      pen.globalAlpha = 0.3;
      pen.fillStyle = paint.fill;
      pen.fillRect(at[0], waves[0].top, Math.max(2, at[1]), height);
      pen.globalAlpha = 1;
      pen.fillStyle = paint.edge;
      pen.fillRect(at[0], waves[0].top, 1.5, height);
      pen.fillRect(at[0] + at[1], waves[0].top, 1.5, height);
    }
    for (const lane of lanes) {
      for (const one of lane.items || []) {
        const at = seen(one);
        if (at) draw(pen, paints, lane, one, at[0], at[1]);
      }
    }
    pen.fillStyle = paints.line;
    for (const lane of waves) pen.fillRect(0, lane.top + WAVE / 2, view.width, 1);
  };

  /* The item under a point, the last drawn first. */
  bench.itemAt = (lanes, view, x, y) => {
    const lane = lanes.find((l) => l.items && y >= l.top && y < l.top + l.height + 2);
    if (!lane) return null;
    const at = (x + view.left) / view.scale;
    const near = 5 / view.scale;
    return lane.items.findLast((one) => {
      const row = lane.kind === "bars" || Math.floor((y - lane.top) / LINE) === one.line;
      const end = one.end ?? one.start + (one.text.length * 7) / view.scale;
      return row && at >= one.start - near && at <= Math.max(end, one.start + near);
    }) || null;
  };
  bench.WAVE = WAVE;
})();
