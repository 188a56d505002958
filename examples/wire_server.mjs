// A model behind the tml-bench wire protocol, in one file without dependencies: node examples/wire_server.mjs [PORT]
//
// It behaves as wire_server.py does: answers with a beep once the user has been silent for a while, falls silent
// when interrupted, replies to text, and calls a function that a text names. See docs/wire-protocol.md. The second
// half is a minimal WebSocket server; with the package `ws` it is not needed. To plug in your own model, replace Model.

import { createHash } from "node:crypto";
import { createServer } from "node:http";

const AUDIO = 1, RATE_IN = 16000, RATE_OUT = 24000;
const LOUD = 1000; // of 32768
const SILENCE_MS = 300;
const READY = {
  type: "ready", model: "beep", version: "1",
  audio_in: { rate: RATE_IN }, audio_out: { rate: RATE_OUT },
  modes: ["realtime", "lockstep"], capabilities: ["text_in", "tools", "interrupt"],
};

function audioFrame(item, samples) {
  const frame = Buffer.alloc(16 + 2 * samples.length);
  frame.writeUInt8(AUDIO, 0); // flags, seq and t_us stay 0
  frame.writeUInt16LE(item, 2);
  samples.forEach((s, i) => frame.writeInt16LE(s, 16 + 2 * i));
  return frame;
}

const BEEP = Array.from({ length: RATE_OUT }, (_, i) => Math.round(9000 * Math.sin((2 * Math.PI * 440 * i) / RATE_OUT)));

class Model {
  constructor(hello) {
    this.tools = hello.tools.map((tool) => tool.name);
    this.item = 0;
    this.pendingMs = 0; // audio given and not yet heard
    this.heardMs = 0;
    this.quietMs = 0;
    this.spokenTo = false;
  }

  hear(pcm) {
    const n = pcm.length / 2;
    let last = n - 1;
    while (last >= 0 && Math.abs(pcm.readInt16LE(2 * last)) <= LOUD) last--;
    if (last < 0) {
      this.quietMs += (1000 * n) / RATE_IN;
      return [];
    }
    this.quietMs = (1000 * (n - 1 - last)) / RATE_IN;
    this.spokenTo = true;
    const speaking = this.pendingMs > 0;
    this.pendingMs = 0;
    return speaking ? [{ type: "interrupted" }] : [];
  }

  tick(heardMs) {
    this.pendingMs = Math.max(0, this.pendingMs - (heardMs - this.heardMs));
    this.heardMs = heardMs;
    if (!this.spokenTo || this.quietMs < SILENCE_MS) return [];
    this.spokenTo = false;
    this.item += 1;
    this.pendingMs += 1000;
    const words = [{ text: "beep", start_s: 0, end_s: 1 }];
    return [{ type: "transcript", item: this.item, text: "beep", words }, audioFrame(this.item, BEEP)];
  }

  read(message) {
    if (message.type === "text") {
      const named = this.tools.filter((name) => message.text.includes(name));
      const calls = named.map((name) => ({ type: "tool_call", call_id: `call-${name}`, name, arguments: {} }));
      return [{ type: "text", text: `You wrote: ${message.text}` }, ...calls];
    }
    if (message.type === "tool_result") {
      return [{ type: "text", text: `${message.name} gave ${JSON.stringify(message.output)}` }];
    }
    return message.type === "tick" ? this.tick(message.heard_ms) : [];
  }
}

function session(computeMs) {
  let hello = null, model = null;
  return (data) => {
    if (Buffer.isBuffer(data)) return data.length >= 16 && data[0] === AUDIO ? model.hear(data.subarray(16)) : [];
    const message = JSON.parse(data);
    if (hello === null) {
      if (message.protocol !== "1") return [{ type: "error", code: "version", message: "this model speaks 1" }];
      [hello, model] = [message, new Model(message)];
      return [READY];
    }
    const answers = model.read(message);
    const steps = message.type === "tick" && hello.mode === "lockstep";
    return steps ? [...answers, { type: "tick_done", n: message.n, compute_ms: computeMs }] : answers;
  };
}

// WebSocket (RFC 6455): the handshake, whole frames up to 1 MiB, ping and close.

function encoded(opcode, payload) {
  const n = payload.length;
  const head = Buffer.alloc(n < 126 ? 2 : n < 65536 ? 4 : 10);
  head[0] = 0x80 | opcode;
  head[1] = n < 126 ? n : n < 65536 ? 126 : 127;
  if (head[1] === 126) head.writeUInt16BE(n, 2);
  if (head[1] === 127) head.writeBigUInt64BE(BigInt(n), 2);
  return Buffer.concat([head, payload]);
}

function decoded(buffer) {
  if (buffer.length < 2) return null;
  const kind = buffer[1] & 0x7f, head = kind < 126 ? 2 : kind === 126 ? 4 : 10;
  if (buffer.length < head + 4) return null;
  const n = kind < 126 ? kind : kind === 126 ? buffer.readUInt16BE(2) : Number(buffer.readBigUInt64BE(2));
  if (!(buffer[0] & 0x80) || !(buffer[1] & 0x80) || n > 2 ** 20) throw new Error("fragmented, unmasked or too long");
  if (buffer.length < head + 4 + n) return null;
  const payload = Buffer.from(buffer.subarray(head + 4, head + 4 + n));
  for (let i = 0; i < n; i++) payload[i] ^= buffer[head + (i & 3)];
  return { opcode: buffer[0] & 0x0f, payload, size: head + 4 + n };
}

const options = process.argv.slice(2);
const at = options.indexOf("--compute-ms");
const computeMs = at < 0 ? 0 : Number(options.splice(at, 2)[1]);
const server = createServer((_, response) => response.writeHead(426).end());
server.on("upgrade", (request, socket) => {
  const key = request.headers["sec-websocket-key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
  const accept = createHash("sha1").update(key).digest("base64");
  const head = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"];
  socket.write([...head, `Sec-WebSocket-Accept: ${accept}`, "", ""].join("\r\n"));
  socket.setNoDelay(true);
  socket.on("error", () => socket.destroy());
  const take = session(computeMs);
  let waiting = Buffer.alloc(0);
  const close = (code) => socket.end(encoded(8, Buffer.from([code >> 8, code & 255])));
  socket.on("data", (data) => {
    waiting = Buffer.concat([waiting, data]);
    try {
      for (let frame = decoded(waiting); frame !== null; frame = decoded(waiting)) {
        waiting = waiting.subarray(frame.size);
        if (frame.opcode === 8) return close(1000);
        if (frame.opcode === 9) socket.write(encoded(10, frame.payload));
        if (frame.opcode > 2) continue;
        for (const answer of take(frame.opcode === 1 ? frame.payload.toString() : frame.payload)) {
          socket.write(Buffer.isBuffer(answer) ? encoded(2, answer) : encoded(1, Buffer.from(JSON.stringify(answer))));
          if (answer.type === "error") return close(1000);
        }
      }
    } catch {
      close(1002);
    }
  });
});
server.listen(Number(options[0] ?? 8765), "127.0.0.1", () => console.log(`ws://127.0.0.1:${server.address().port}`));
