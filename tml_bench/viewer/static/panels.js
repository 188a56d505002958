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
    if (!player || start === null) return "";
    const from = Math.max(0, start - 0.3);
    const to = Math.min(player.duration, (end ?? start + 2) + 0.3);
    return el("button.play.small", { type: "button", "aria-label": `Play ${what}`, "data-testid": name, "data-start": from, "data-end": to, onclick: () => player.stretch(from, to).catch((error) => bench.say(error.message)) },
      el("span", { "aria-hidden": "true" }, "▶"));
  }
  const table = (caption, heads, rows) => el("div.scroll", { tabIndex: 0, role: "group", "aria-label": caption },
    el("table", {}, el("caption.unseen", {}, caption), el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col" }, head)))), el("tbody", {}, rows)));

  const windowsPanel = (doc, player) => {
    const expected = doc.windows.filter((w) => w.expected);
    const alarms = (doc.score ? doc.score.rows : []).filter((r) => bench.rowState(r.event) === "false_alarm");
    if (!expected.length && !alarms.length) return null;
    const line = (state, label, start, end, happened) => el("tr", { "data-state": state },
      el("td", {}, playing(player, start, end, label, "play-window")), el("td", {}, bench.chip(state)),
      el("td.text", {}, label, happened ? el("small", {}, happened) : null), el("td.number", {}, clock(start)), el("td.number", {}, end === null ? "" : clock(end)));
    const rows = [
      ...expected.map((w) => line(w.state, w.label, w.start_s, w.end_s, w.happened)),
      ...alarms.map((r) => line("false_alarm", r.event.replace(/^false alarm:?\s*/i, "") || "false alarm", r.start_s, r.end_s, "")),
    ];
    return panel("Expected", `${expected.length} window${expected.length === 1 ? "" : "s"}${alarms.length ? `, ${alarms.length} beside` : ""}`,
      table("Expected windows and what happened", ["Play", "Result", "What", "From", "To"], rows), true, "windows");
  };

  const scorePanel = (doc) => {
    if (!doc.score) return null;
    const bare = (x) => (x === null ? "–" : bench.value(x));
    const row = (v) => el("tr", { className: v.headline ? "headline" : "" },
      el("th.text", { scope: "row", title: v.describes }, v.title, v.missing ? el("small.warn", {}, v.missing) : null),
      el("td.number", {}, bench.value(v.value, v.unit)), el("td.number.soft", {}, v.denominator === null ? "" : `${bare(v.numerator)} / ${bare(v.denominator)}`),
      el("td.soft", {}, { higher: "higher is better", lower: "lower is better" }[v.direction] || ""));
    const counted = (r) => el("tr", {}, el("td.text", {}, r.event), el("td.number", {}, clock(r.start_s)), el("td.number", {}, clock(r.end_s)),
      el("td.text", {}, Object.entries(r.details).filter(([, x]) => x !== null).map(([key, x]) => `${key.replaceAll("_", " ")} ${bench.value(x)}`).join(", ")));
    const headline = doc.score.values.filter((v) => v.headline);
    const others = doc.score.values.filter((v) => !v.headline);
    const heads = ["Measure", "Value", "Made of", "Better"];
    return panel("Score", `${doc.score.values.length} measures`, [
      table("Headline measures", heads, headline.map(row)),
      doc.score.rows.length ? el("details.inner", {}, el("summary", {}, `${doc.score.rows.length} events counted`), table("Events counted", ["Event", "From", "To", "Else"], doc.score.rows.map(counted))) : null,
      others.length ? el("details.inner", {}, el("summary", {}, `${others.length} more`), table("More measures", heads, others.map(row))) : null,
      doc.score.notes.length ? el("ul.notes", {}, doc.score.notes.map((note) => el("li", {}, note))) : null,
    ].filter(Boolean), true, "score");
  };

  const judgesPanel = (doc, player) => {
    if (!doc.judgements.length) return null;
    const cards = doc.judgements.map((j, k) => el("li.judged", { "data-testid": "judged" },
      el("header", {}, playing(player, j.start_s, j.end_s, `what question ${k + 1} judges`, "play-judged"),
        el("b.answer", {}, j.answer ?? "no answer"), j.start_s === null ? null : el("span.number.soft", {}, `${clock(j.start_s)} – ${clock(j.end_s)}`)),
      j.missing ? el("p.warn", {}, j.missing) : null,
      j.explanation ? el("p", {}, j.explanation) : null,
      el("dl.lines", {}, j.lines.map((line) => el("div", {}, el("dt", {}, line.role), el("dd", {}, line.text || "(nothing)")))),
      el("details.inner", {}, el("summary", {}, `Asked: ${j.rubric}`), el("p.soft", {}, `by ${j.judge || "nobody yet"}; answers: ${j.answers.join(", ")}`),
        el("p.instruction", {}, j.instruction), j.raw ? el("pre", { tabIndex: 0 }, j.raw) : null)));
    return panel("Judges", `${cards.length} question${cards.length === 1 ? "" : "s"}`, el("ol.cards", {}, cards), true, "judges");
  };

  const eventsPanel = (doc, player, name) => {
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
        el("td", {}, e.at_s === null ? "" : !player ? bench.time(e.at_s) : el("button.seek", { type: "button", "aria-label": `Go to ${bench.time(e.at_s)}`, onclick: () => { player.currentTime = e.at_s; } }, bench.time(e.at_s))),
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

  const notesPanel = (doc) => {
    const notes = [...doc.remarks, ...doc.notes];
    return notes.length ? panel("Remarks", `${notes.length}`, el("ul.notes", {}, notes.map((note) => el("li", {}, note))), true, "notes") : null;
  };

  /* What was said and written, also where it has no times and so no place on the axis. */
  const saidPanel = (doc, player) => {
    const line = (who, text, start, end) => el("div", {}, el("dt", {}, who, " ", playing(player, start, end, `what the ${who} says`, "play-said")), el("dd", {}, text));
    const words = doc.model.words.map((w) => w.text).join(" ");
    const lines = [
      ...doc.user.turns.filter((t) => t.label).map((t) => line("user", t.label, t.start_s, t.end_s)),
      ...doc.user.texts.map((t) => line("user writes", t.text, null, null)),
      ...(words ? [line("model", words, null, null)] : []),
      ...doc.model.texts.map((t) => line("model writes", t.text, null, null)),
      ...(doc.model.transcripts.length ? [line("its own transcript", doc.model.transcripts.map((t) => t.text).join(" "), null, null)] : []),
    ];
    return lines.length ? panel("Said", doc.model.word_source ? `the model's words: ${doc.model.word_source}` : "", el("dl.lines", {}, lines), true, "said") : null;
  };

  const toolsPanel = (doc, player) => {
    if (!doc.tool_calls.length) return null;
    const rows = doc.tool_calls.map((c) => el("tr", {}, el("td", {}, playing(player, c.at_s, c.returned_s, `the call of ${c.name}`, "play-tool")), el("td.number", {}, clock(c.at_s)), el("td.text", {}, c.name),
      el("td.text", {}, el("code", {}, c.arguments), c.filled ? el("small", {}, " with defaults ", el("code", {}, c.filled)) : null), el("td.text", {}, c.returned_s === null ? "no answer" : el("code", {}, c.output), c.is_error ? el("small.warn", {}, c.ended || "error") : null)));
    return panel("Tool calls", `${rows.length}`, table("Tool calls", ["Play", "At", "Function", "Arguments", "Answer"], rows), true, "tools");
  };

  /* All that there is something to show of; without a recording there is no player, and nothing to press. */
  bench.panelsOf = (doc, player, name) => [
    notesPanel(doc), windowsPanel(doc, player), scorePanel(doc), judgesPanel(doc, player), saidPanel(doc, player),
    toolsPanel(doc, player), eventsPanel(doc, player, name),
  ];
})();
