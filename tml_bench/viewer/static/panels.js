/* What stands below the time axis: windows, score, judges, raw events. Each takes the document and a way to play. */
"use strict";
(() => {
  const bench = window.tmlBench;
  const { el } = bench;

  const panel = (title, count, body, open, name) =>
    el("details.panel", { open, "data-testid": `panel-${name}` }, el("summary", {}, el("h3", {}, title), count ? el("span.soft", {}, count) : null), body);
  const clock = (s) => (s === null ? "–" : bench.time(s));

  /* A button that plays a stretch with a little of what is before it. */
  function playing(player, start, end, what, name) {
    const from = Math.max(0, start - 0.3);
    const to = Math.min(player.duration, (end ?? start + 2) + 0.3);
    return el("button.play.small", { type: "button", "aria-label": `Play ${what}`, "data-testid": name, "data-start": from, "data-end": to, onclick: () => player.stretch(from, to).catch((error) => bench.say(error.message)) },
      el("span", { "aria-hidden": "true" }, "▶"));
  }
  const table = (caption, heads, rows) => el("div.scroll", { tabIndex: 0, role: "region", "aria-label": caption },
    el("table", {}, el("caption.unseen", {}, caption), el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col" }, head)))), el("tbody", {}, rows)));

  bench.windowsPanel = (doc, player) => {
    const expected = doc.windows.filter((w) => w.expected);
    const alarms = (doc.score ? doc.score.rows : []).filter((r) => bench.rowState(r.event) === "false_alarm");
    if (!expected.length && !alarms.length) return null;
    const line = (state, label, start, end, happened) => el("tr", { "data-state": state },
      el("td", {}, start === null ? "" : playing(player, start, end, label, "play-window")), el("td", {}, bench.chip(state)),
      el("td.text", {}, label, happened ? el("small", {}, happened) : null), el("td.number", {}, clock(start)), el("td.number", {}, end === null ? "" : clock(end)));
    const rows = [
      ...expected.map((w) => line(w.state, w.label, w.start_s, w.end_s, w.happened)),
      ...alarms.map((r) => line("false_alarm", r.event.replace(/^false alarm:?\s*/i, "") || "false alarm", r.start_s, r.end_s, "")),
    ];
    return panel("Expected", `${expected.length} window${expected.length === 1 ? "" : "s"}${alarms.length ? `, ${alarms.length} beside` : ""}`,
      table("Expected windows and what happened", ["", "", "What", "From", "To"], rows), true, "windows");
  };

  bench.scorePanel = (doc) => {
    if (!doc.score) return null;
    const bare = (x) => (x === null ? "–" : bench.value(x));
    const row = (v) => el("tr", { className: v.headline ? "headline" : "" },
      el("th.text", { scope: "row", title: v.describes }, v.title, v.missing ? el("small.warn", {}, v.missing) : null),
      el("td.number", {}, bench.value(v.value, v.unit)), el("td.number.soft", {}, v.denominator === null ? "" : `${bare(v.numerator)} / ${bare(v.denominator)}`),
      el("td.soft", {}, { higher: "higher is better", lower: "lower is better" }[v.direction] || ""));
    const headline = doc.score.values.filter((v) => v.headline);
    const others = doc.score.values.filter((v) => !v.headline);
    const heads = ["Measure", "Value", "Made of", "Better"];
    return panel("Score", `${doc.score.values.length} measures`, [
      table("Headline measures", heads, headline.map(row)),
      others.length ? el("details.inner", {}, el("summary", {}, `${others.length} more`), table("More measures", heads, others.map(row))) : null,
      doc.score.notes.length ? el("ul.notes", {}, doc.score.notes.map((note) => el("li", {}, note))) : null,
    ].filter(Boolean), true, "score");
  };

  bench.judgesPanel = (doc, player) => {
    if (!doc.judgements.length) return null;
    const cards = doc.judgements.map((j, k) => el("li.judged", { "data-testid": "judged" },
      el("header", {}, j.start_s === null ? null : playing(player, j.start_s, j.end_s, `what question ${k + 1} judges`, "play-judged"),
        el("b.answer", {}, j.answer ?? "no answer"), j.start_s === null ? null : el("span.number.soft", {}, `${clock(j.start_s)} – ${clock(j.end_s)}`)),
      j.missing ? el("p.warn", {}, j.missing) : null,
      j.explanation ? el("p", {}, j.explanation) : null,
      el("dl.lines", {}, j.lines.map((line) => el("div", {}, el("dt", {}, line.role), el("dd", {}, line.text || "(nothing)")))),
      el("details.inner", {}, el("summary", {}, `Asked: ${j.rubric}`), el("p.soft", {}, `by ${j.judge || "nobody yet"}; answers: ${j.answers.join(", ")}`),
        el("p.instruction", {}, j.instruction), j.raw ? el("pre", { tabIndex: 0 }, j.raw) : null)));
    return panel("Judges", `${cards.length} question${cards.length === 1 ? "" : "s"}`, el("ol.cards", {}, cards), true, "judges");
  };

  bench.eventsPanel = (doc, player, name) => {
    const { total } = doc.events;
    if (!total) return null;
    const loaded = [...doc.events.events];
    let pages = 1;
    const kind = el("select", { id: `${name}-kind`, "data-testid": "events-kind", onchange: () => show() });
    const text = el("input", { id: `${name}-events`, type: "search", "data-testid": "events-text", oninput: () => show() });
    const body = el("tbody");
    const count = el("span.soft", { role: "status" });
    const more = el("button.quiet", { type: "button", onclick: async () => {
      more.disabled = true;
      try {
        const next = await bench.load(`data/events/${encodeURIComponent(doc.run)}/${doc.n}/${pages}`);
        loaded.push(...next.events);
        pages += 1;
        kinds();
        show();
      } catch (error) {
        count.textContent = error.message;
      } finally {
        more.disabled = false;
      }
    } }, "Load more");
    function kinds() {
      const now = kind.value;
      const all = [...new Set(loaded.map((e) => e.kind))].sort();
      kind.replaceChildren(el("option", { value: "" }, "all but steps"), el("option", { value: "*" }, "all"), ...all.map((value) => el("option", { value }, value)));
      kind.value = now;
    }
    function show() {
      const wanted = text.value.toLowerCase();
      const found = loaded.filter((e) => (kind.value === "*" || (kind.value ? e.kind === kind.value : e.kind !== "step")) && (!wanted || e.text.toLowerCase().includes(wanted)));
      body.replaceChildren(...found.slice(0, 1000).map((e) => el("tr", {},
        el("td", {}, e.at_s === null ? "" : el("button.seek", { type: "button", "aria-label": `Go to ${bench.time(e.at_s)}`, onclick: () => { player.currentTime = e.at_s; } }, bench.time(e.at_s))),
        el("td", {}, e.kind), el("td.text", {}, el("code", {}, e.text), e.cut ? el("small", {}, ` … ${e.cut} more characters`) : null))));
      count.textContent = `${Math.min(found.length, 1000)} shown, ${loaded.length} of ${total} loaded`;
      more.hidden = pages >= doc.events.pages;
    }
    const root = panel("Raw events", `${total}`, [
      el("div.bar", {}, el("label", { for: `${name}-kind` }, "Kind"), kind, el("label", { for: `${name}-events` }, "Contains"), text, count),
      table("Raw events", ["Time", "Kind", "Event"], []), more,
    ], false, "events");
    root.querySelector("tbody").replaceWith(body);
    root.addEventListener("toggle", () => {
      if (!root.open || body.firstChild) return;
      kinds();
      show();
    });
    return root;
  };

  bench.notesPanel = (doc) => {
    const notes = [...doc.remarks, ...doc.notes];
    return notes.length ? panel("Remarks", `${notes.length}`, el("ul.notes", {}, notes.map((note) => el("li", {}, note))), true, "notes") : null;
  };
})();
