// What the page shows: state light, transcript, time to answer. Text from the network is only ever set as text.

const STATES = {
  off: "Not connected",
  listening: "Listening",
  hearing: "Hearing you",
  thinking: "Thinking",
  speaking: "Speaking",
  muted: "Muted",
};
const STAGES = [
  ["soft_end_ms", "Silence noticed"],
  ["transcript_ms", "Words known"],
  ["committed_ms", "Turn over"],
  ["first_token_ms", "First token"],
  ["first_clause_ms", "First clause"],
  ["first_audio_ms", "First sound"],
];
const KEPT_TURNS = 8;

const find = (id) => document.getElementById(id);

/** state: a key of STATES. */
export function showState(state) {
  find("state").dataset.state = state;
  find("state-text").textContent = STATES[state];
}

/** A message for people, or "" for none. */
export function showProblem(text) {
  find("problem").textContent = text;
  find("problem").hidden = text === "";
}

export function showCall(on) {
  find("connect").hidden = on;
  find("call").hidden = !on;
}

export function showLevel(level) {
  find("level").value = Math.min(1, level * 4);
}

/** The transcript: one line an item, in order of arrival. */
export class Transcript {
  constructor() {
    this.list = find("transcript");
    this.lines = new Map();
  }

  clear() {
    this.list.replaceChildren();
    this.lines.clear();
  }

  append(itemId, role, text) { this.line(itemId, role).firstElementChild.nextSibling.data += text; this.follow(); }

  set(itemId, role, text) { this.line(itemId, role).firstElementChild.nextSibling.data = text; this.follow(); }

  /** Of an interrupted answer only `heard` counts; the rest is struck out. */
  cut(itemId, heard) {
    const line = this.lines.get(itemId);
    if (!line) return;
    const said = line.firstElementChild.nextSibling;
    const rest = said.data.startsWith(heard) ? said.data.slice(heard.length) : "";
    said.data = heard;
    const unheard = document.createElement("span");
    unheard.className = "unheard";
    unheard.textContent = rest || " (interrupted)";
    line.append(unheard);
  }

  /** Where an answer comes from: one line a place, which opens to the words that stand there. */
  sources(itemId, citations) {
    const line = this.lines.get(itemId);
    if (!line) return;
    const places = new Map(citations.map((one) => [`${one.title} ${one.page} ${one.quote}`, one]));
    for (const { title, page, quote } of places.values()) {
      const source = document.createElement("details");
      source.className = "sources";
      const place = document.createElement("summary");
      place.textContent = `Source: ${page === null ? title : `${title}, page ${page}`}`;
      const words = document.createElement("blockquote");
      words.textContent = quote;
      source.append(place, words);
      line.append(source);
    }
    this.follow();
  }

  drop(itemId) {
    this.lines.get(itemId)?.remove();
    this.lines.delete(itemId);
  }

  line(itemId, role) {
    let line = this.lines.get(itemId);
    if (!line) {
      line = document.createElement("li");
      line.dataset.role = role;
      const who = document.createElement("span");
      who.className = "who";
      who.textContent = role === "user" ? "You" : "Agent";
      line.append(who, document.createTextNode(""));
      this.lines.set(itemId, line);
      this.list.append(line);
    }
    return line;
  }

  follow() { this.list.scrollTop = this.list.scrollHeight; }
}

/** A waterfall of one answer: a bar for each stage, all on one scale. */
export function showTimings(timings) {
  const known = STAGES.filter(([name]) => typeof timings[name] === "number");
  if (known.length === 0) return;
  const longest = Math.max(...known.map(([name]) => timings[name]), 1);
  const table = document.createElement("table");
  const caption = table.createCaption();
  caption.textContent = `${new Date().toLocaleTimeString()}: ${Math.round(timings.first_audio_ms ?? longest)} ms`;
  let before = 0;
  for (const [name, label] of known) {
    const row = table.insertRow();
    const head = document.createElement("th");
    head.scope = "row";
    head.textContent = label;
    row.append(head);
    const bar = document.createElement("div");
    bar.className = "bar";
    const start = Math.max(0, Math.min(before, timings[name]));
    bar.style.marginLeft = `${(start / longest) * 100}%`;
    bar.style.width = `${(Math.max(0, timings[name] - start) / longest) * 100}%`;
    row.insertCell().append(bar);
    const figure = row.insertCell();
    figure.className = "ms";
    figure.textContent = `${Math.round(timings[name])} ms`;
    before = Math.max(before, timings[name]);
  }
  const entry = document.createElement("li");
  entry.append(table);
  find("turns").prepend(entry);
  while (find("turns").children.length > KEPT_TURNS) find("turns").lastElementChild.remove();
  find("latency").hidden = false;
}
