/* The namespace of the viewer: data, place (the URL's hash), small helpers. Data reaches the page as text only. */
"use strict";
(() => {
  const bench = (window.tmlBench = window.tmlBench || {});
  const local = location.protocol === "file:";
  const waiting = new Map();
  const kept = new Map();

  /* Called by the data scripts of an export, which a page may load where it may not fetch. */
  window.tml_bench_document = (address, document) => {
    const settle = waiting.get(address);
    waiting.delete(address);
    if (settle) settle(document);
  };

  function byScript(address) {
    const name = decodeURIComponent(address);  // an export knows its documents by names that are not encoded
    return new Promise((resolve, reject) => {
      waiting.set(name, resolve);
      const script = document.createElement("script");
      script.src = `${address}.js`;
      script.onload = () => {
        script.remove();
        if (waiting.delete(name)) reject(new Error(`${address}.js holds something else`));
      };
      script.onerror = () => {
        script.remove();
        waiting.delete(name);
        reject(new Error(`${address}.js cannot be read`));
      };
      document.head.append(script);
    });
  }

  async function byFetch(address) {
    const answer = await fetch(`${address}.json`);
    if (!answer.ok) throw new Error(`${address}.json: ${answer.status} ${answer.statusText}`);
    return answer.json();
  }

  /* A document by its address without ending, such as "data/index"; the last few are kept. */
  bench.load = (address) => {
    if (!kept.has(address)) {
      const loading = (local ? byScript : byFetch)(address);
      loading.catch(() => kept.delete(address));
      kept.set(address, loading);
      if (kept.size > 12) kept.delete([...kept.keys()].find((k) => k !== "data/index" && k !== address));
    }
    return kept.get(address);
  };
  bench.local = local;

  /* The bytes of a track "audio/RUN/N/SIDE.ENDING"; where the page may not fetch, a script holds them as text. */
  bench.bytes = async (address) => {
    if (!local) {
      const answer = await fetch(address);
      if (!answer.ok) throw new Error(`${address}: ${answer.status} ${answer.statusText}`);
      return answer.arrayBuffer();
    }
    const text = await byScript(address.replace(/^audio\//, "data/tracks/").replace(/\.\w+$/, ""));
    return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0)).buffer;
  };

  /* An element with properties, attributes (with a dash, or role) and children; texts become text nodes. */
  bench.el = (tag, given = {}, ...children) => {
    const [name, ...classes] = tag.split(".");
    const element = document.createElement(name);
    if (classes.length) element.className = classes.join(" ");
    for (const [key, value] of Object.entries(given)) {
      if (value === undefined || value === null) continue;
      if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
      else if (key.includes("-") || key === "role" || key === "for" || key === "scope") element.setAttribute(key, value);
      else element[key] = value;
    }
    element.append(...children.flat().filter((c) => c !== null && c !== undefined && c !== ""));
    return element;
  };

  bench.time = (s) => {
    const at = Math.max(0, s);
    const minutes = Math.floor(at / 60);
    return `${minutes}:${(at - 60 * minutes).toFixed(2).padStart(5, "0")}`;
  };
  /* A metric's value with its unit; shares, in [0, 1], as percent. */
  bench.value = (value, unit = "") => {
    if (value === null || value === undefined) return "–";
    if (typeof value !== "number") return String(value);
    const shown = unit === "%" ? 100 * value : value;
    const digits = unit === "%" || Math.abs(shown) >= 100 ? 1 : 3;
    return `${Number(shown.toFixed(digits))}${unit ? (unit === "%" ? " %" : ` ${unit}`) : ""}`;
  };
  bench.clamp = (x, low, high) => Math.min(high, Math.max(low, x));

  /* What happened at a window: its word and its sign; the same names are classes and canvas patterns. */
  bench.STATES = {
    hit: { word: "hit", sign: "✓" },
    early: { word: "early", sign: "◂" },
    late: { word: "late", sign: "▸" },
    wrong: { word: "wrong", sign: "≠" },
    missed: { word: "missed", sign: "✕" },
    false_alarm: { word: "false alarm", sign: "!" },
    unknown: { word: "not scored", sign: "?" },
    context: { word: "context", sign: "·" },
  };
  bench.state = (name) => (Object.hasOwn(bench.STATES, name) ? name : "unknown");
  bench.chip = (name, text = "") => {
    const known = bench.state(name);
    const { word, sign } = bench.STATES[known];
    return bench.el(
      `span.chip.s-${known}`, {}, bench.el("span.sign", { "aria-hidden": "true" }, sign), text ? `${word} ${text}` : word,
    );
  };

  /* The place: filters and sample in the hash, so that every view has an address. */
  bench.place = {
    read: () => new URLSearchParams(location.hash.slice(1)),
    write(changes, replace = false) {
      const now = bench.place.read();
      for (const [key, value] of Object.entries(changes)) {
        if (value === null || value === undefined || value === "") now.delete(key);
        else now.set(key, value);
      }
      const address = `#${now}`;
      if (address === location.hash) return;
      if (replace) {
        history.replaceState(null, "", address);
        window.dispatchEvent(new Event("hashchange"));
      } else location.hash = address;
    },
    link(changes) {
      const now = bench.place.read();
      for (const [key, value] of Object.entries(changes)) {
        if (value) now.set(key, value);
        else now.delete(key);
      }
      return `#${now}`;
    },
  };

  /* Light, dark or as the system has it; kept where the browser lets us. */
  const themes = ["auto", "light", "dark"];
  function store(value) {
    try {
      if (value === undefined) return localStorage.getItem("tml-bench-theme");
      localStorage.setItem("tml-bench-theme", value);
    } catch {
      return null; // storage is closed to this page: the choice lasts as long as the page
    }
    return value;
  }
  function show(theme) {
    document.documentElement.dataset.theme = theme;
    const button = document.getElementById("theme");
    if (button) {
      button.dataset.now = theme;
      button.querySelector("span").textContent = theme;
    }
    window.dispatchEvent(new Event("themechange"));
  }
  bench.theme = {
    start() {
      const stored = store();
      show(themes.includes(stored) ? stored : "auto");
      document.getElementById("theme").addEventListener("click", () => {
        const next = themes[(themes.indexOf(document.documentElement.dataset.theme) + 1) % themes.length];
        store(next);
        show(next);
      });
      matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () =>
        window.dispatchEvent(new Event("themechange")),
      );
    },
  };

  bench.say = (text) => {
    document.getElementById("said").textContent = text;
  };
})();
