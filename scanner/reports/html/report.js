// Filters and sorts the cards, and shows the page of a picture. What came out of the evidence is set
// as text, but in cards, whose markup the report's writer escaped.
"use strict";

const form = document.getElementById("controls");
const list = document.getElementById("cards");
const one = document.getElementById("one");
const gallery = [...document.querySelectorAll("body > header, main > section")];
const heading = document.getElementById("one-title");
const FULL = 0.2; // log-odds of a part whose colour is full, as a generated part of a picture has
const MARKED = 0.3; // of the greatest weight, from which a part has its sign
const DEEPEST = 16; // folders within folders that can be chosen
const TITLE = document.title;
// The choices are in the order in which they matter.
const GROUPS = [...form.elements.group.options].map((option) => option.value);
const ORIGINS = [...form.elements.origin.options].map((option) => option.value);
const COLUMNS = [...document.querySelectorAll("footer dt")].map((term) => ({
  name: term.textContent,
  meaning: term.nextElementSibling.textContent,
}));
const [PATH, PROBABILITY] = ["path", "p_fake"].map((name) => COLUMNS.findIndex((column) => column.name === name));
const EMPTY = { origin: "", folder: "", checks: [], evidence: [], regions: [], regions_in_words: "", file: null };
// The cards lie in blocks, of which only the first is made; of the others a line is a card.
const BLOCKS = [...list.querySelectorAll("ol, script[type='text/html']")];
const ROWS = 100; // of one list: only those in sight are laid out
const cards = [...list.querySelectorAll("script[type='application/json']")].flatMap((details, block) =>
  JSON.parse(details.textContent).map((told, line) => ({ ...EMPTY, ...told, block, line })));
cards.forEach((card, place) => Object.assign(card, {
  place,
  path: card.values[PATH],
  probability: card.values[PROBABILITY] === null ? null : Number(card.values[PROBABILITY]),
}));
let shown = cards;
let last = null; // whose page was shown last

const compareText = (a, b) => (a < b ? -1 : a > b ? 1 : 0);
const isNone = (value) => (value === null ? 1 : 0);
const ORDERS = {
  path: () => 0,
  highest: (a, b) => isNone(a.probability) - isNone(b.probability) || b.probability - a.probability,
  lowest: (a, b) => isNone(a.probability) - isNone(b.probability) || a.probability - b.probability,
  verdict: (a, b) => GROUPS.indexOf(a.group) - GROUPS.indexOf(b.group),
  origin: (a, b) => !a.origin - !b.origin || ORIGINS.indexOf(a.origin) - ORIGINS.indexOf(b.origin),
  folder: (a, b) => compareText(a.folder, b.folder),
};

function element(name, text, kind) {
  const made = document.createElement(name);
  if (text !== undefined) made.textContent = text;
  if (kind) made.className = kind;
  return made;
}

// What tells a row from others.
function titleOf(card) {
  return card.page ? `${card.path}, ${card.page}` : card.path;
}

function address(card) {
  return `#c${card.place + 1}`;
}

function inFolder(card, folder) {
  return card.folder === folder || card.folder.startsWith(`${folder}/`);
}

function apply() {
  const { group, origin, folder, text, least, most } = form.elements;
  const wanted = text.value.toLowerCase();
  const low = least.value === "" ? null : Number(least.value) / 100;
  const high = most.value === "" ? null : Number(most.value) / 100;
  const fits = (card) =>
    (!group.value || card.group === group.value) &&
    (!origin.value || card.origin === origin.value) &&
    (!folder.value || inFolder(card, folder.value)) &&
    card.path.toLowerCase().includes(wanted) &&
    (low === null || (card.probability !== null && card.probability >= low)) &&
    (high === null || (card.probability !== null && card.probability <= high));
  const order = ORDERS[form.elements.order.value];
  shown = cards.filter(fits).sort((a, b) => order(a, b) || a.place - b.place);
  lay();
  tell();
}

function clear() {
  for (const name of ["group", "origin", "folder", "text", "least", "most"]) form.elements[name].value = "";
}

function tell() {
  form.elements.count.value = `${shown.length.toLocaleString("en")} of ${cards.length.toLocaleString("en")} rows shown`;
}

// The card itself, which is made when it is first asked for.
function made(card) {
  if (!card.element) {
    const block = BLOCKS[card.block];
    if (block.lines === undefined) block.lines = block.matches("ol") ? [...block.children] : block.textContent.trim().split("\n");
    const line = block.lines[card.line];
    const template = document.createElement("template");
    if (typeof line === "string") template.innerHTML = line;
    card.element = typeof line === "string" ? template.content.firstElementChild : line;
    const shot = card.element.querySelector(".shot");
    if (shot) shot.disabled = !form.elements.blur.checked;
  }
  return card.element;
}

// Puts the cards that are shown into lists, which are filled once they are near.
function lay() {
  near.disconnect();
  const lists = [];
  for (let start = 0; start < shown.length; start += ROWS) {
    const cut = element("ol", undefined, "cards");
    cut.waiting = shown.slice(start, start + ROWS);
    lists.push(cut);
    near.observe(cut);
  }
  if (lists.length) fill(lists[0]);
  list.replaceChildren(...lists);
}

function fill(cut) {
  cut.append(...cut.waiting.splice(0).map(made));
}

const near = new IntersectionObserver(
  (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => fill(entry.target)),
  { rootMargin: "100%" },
);

// Says how many rows each choice has, and takes away those without any.
function count(select, counts) {
  for (const option of [...select.options].slice(1)) {
    if (counts.has(option.value)) option.text += ` (${counts.get(option.value).toLocaleString("en")})`;
    else option.remove();
  }
}

function counted(values) {
  const counts = new Map();
  for (const value of values) if (value) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

// A folder counts what is in the folders within it, too; of a path as long as none is by accident
// only the first are offered.
function foldersOf(card) {
  const names = card.folder.split("/", DEEPEST);
  return card.folder ? names.map((_, last) => names.slice(0, last + 1).join("/")) : [];
}

function fillChoices() {
  const { group, origin, folder } = form.elements;
  const folders = counted(cards.flatMap(foldersOf));
  for (const name of [...folders.keys()].sort(compareText)) folder.add(new Option(name, name));
  count(group, counted(cards.map((card) => card.group)));
  count(origin, counted(cards.map((card) => card.origin)));
  count(folder, folders);
}

// Where nothing is blurred there is nothing to show.
function blur() {
  const isBlurred = form.elements.blur.checked;
  document.body.classList.toggle("blurred", isBlurred);
  const made = cards.filter((card) => card.element).map((card) => card.element.querySelector(".shot"));
  for (const shot of [...made, one.querySelector(".shot")]) if (shot) shot.disabled = !isBlurred;
}

function toggle(shot) {
  shot.setAttribute("aria-pressed", String(shot.getAttribute("aria-pressed") !== "true"));
}

function cells(values) {
  const row = element("tr");
  for (const value of values) row.append(element("td", value));
  return row;
}

function showPicture(card) {
  const figure = one.querySelector("figure");
  const ownShot = made(card).querySelector(".shot");
  const thumbnail = ownShot?.querySelector("img") ?? null;
  figure.hidden = thumbnail === null;
  const map = one.querySelector(".map");
  map.replaceChildren();
  for (const part of one.querySelectorAll(".map-words, .map-choice")) part.hidden = !card.regions.length;
  if (thumbnail === null) return;
  const image = figure.querySelector("img");
  image.src = thumbnail.src;
  image.alt = `The picture ${titleOf(card)}`;
  image.decode().then(() => figure.querySelector(".shot").style.setProperty("--ratio", image.naturalWidth / image.naturalHeight), () => {}); // the next picture came first
  image.className = thumbnail.className;
  const shot = figure.querySelector(".shot");
  for (const name of ["aria-pressed", "aria-label"]) shot.setAttribute(name, ownShot.getAttribute(name));
  figure.querySelector("figcaption").textContent = card.caption;
  one.querySelector(".map-words").textContent = card.regions_in_words;
  // What weighs little must not look as if it weighed much.
  const greatest = Math.max(...card.regions.map((region) => Math.abs(region[4])), FULL);
  for (const [left, top, right, bottom, weight] of card.regions) {
    const share = Math.abs(weight) / greatest;
    const sign = share >= MARKED ? (weight > 0 ? "+" : "\u2212") : ""; // for those who see no colours
    const part = element("span", card.of_views ? weight.toFixed(2) : sign, card.of_views ? "view" : "");
    const colour = weight > 0 ? "220, 40, 20" : "20, 60, 160";
    Object.assign(part.style, {
      left: `${100 * left}%`, top: `${100 * top}%`,
      width: `${100 * (right - left)}%`, height: `${100 * (bottom - top)}%`,
    });
    if (card.of_views) part.style.borderColor = `rgb(${colour})`;
    else part.style.backgroundColor = `rgba(${colour}, ${0.65 * share})`;
    map.append(part);
  }
}

function showTables(card) {
  const findings = one.querySelector(".findings");
  findings.hidden = !card.evidence.length;
  findings.querySelector("tbody").replaceChildren(...card.evidence.map(cells));
  const fields = card.values.map((value, column) => [COLUMNS[column].name, value, COLUMNS[column].meaning]);
  const checks = card.checks.map(([name, value]) => [`checks: ${name}`, value, ""]);
  const lines = [...fields, ...checks].filter(([, value]) => value !== null).map(([name, value, meaning]) => {
    const row = element("tr");
    const head = element("th", name, "code");
    head.scope = "row";
    head.title = meaning;
    row.append(head, element("td", value, "code"));
    return row;
  });
  one.querySelector(".fields tbody").replaceChildren(...lines);
}

function showPages(card) {
  const section = one.querySelector(".of-file");
  section.hidden = card.file === null;
  if (card.file === null) return;
  const pages = cards.filter((other) => other.path === card.path && other.file === card.file);
  const items = pages.map((other) => {
    const item = element("li");
    const link = element("a", other.name);
    if (other === card) link.setAttribute("aria-current", "page");
    link.href = address(other);
    item.append(link);
    return item;
  });
  section.querySelector("h2").textContent = `Pages of this file that are listed here (${items.length} of ${card.pages})`;
  section.querySelector("ul").replaceChildren(...items);
}

function showOne(card) {
  heading.textContent = titleOf(card);
  one.className = card.group;
  one.querySelector(".statement").textContent = card.statement;
  const place = shown.indexOf(card);
  one.querySelector(".place").textContent = place < 0 ? "" : `${(place + 1).toLocaleString("en")} of ${shown.length.toLocaleString("en")}`;
  for (const [kind, other] of [[".previous", place - 1], [".next", place + 1]]) {
    const link = one.querySelector(kind);
    const target = place < 0 ? undefined : shown[other];
    if (target) link.href = address(target);
    else link.removeAttribute("href");
  }
  showPicture(card);
  showPages(card);
  showTables(card);
}

function route() {
  const card = /^#c\d+$/.test(location.hash) ? cards[location.hash.slice(2) - 1] : undefined;
  if (card) showOne(card);
  one.hidden = !card;
  for (const part of gallery) part.hidden = Boolean(card);
  document.title = card ? `${titleOf(card)} - ${TITLE}` : TITLE;
  if (card) {
    window.scrollTo(0, 0);
    heading.focus({ preventScroll: true });
  } else if (last) {
    backTo(last);
  }
  last = card ?? null;
}

// The gallery, where the card of a picture lies whose page was open.
function backTo(card) {
  const place = shown.indexOf(card);
  if (place < 0) return;
  fill(list.children[Math.floor(place / ROWS)]);
  card.element.scrollIntoView({ block: "center" });
  card.element.querySelector(".path").focus({ preventScroll: true });
}

form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("input", apply);
form.querySelector(".clear").addEventListener("click", () => {
  clear();
  apply();
});
form.elements.blur.addEventListener("change", blur);

document.addEventListener("click", (event) => {
  const shot = event.target.closest(".shot");
  if (shot) toggle(shot);
  const tile = event.target.closest("[data-show]");
  if (tile) {
    clear();
    form.elements.group.value = tile.dataset.show;
    apply();
    document.getElementById("pictures").scrollIntoView();
  }
});
one.querySelector(".map-choice input").addEventListener("change", (event) => {
  one.querySelector(".map").hidden = !event.target.checked;
});
document.addEventListener("keydown", (event) => {
  if (one.hidden || event.altKey || event.ctrlKey || event.metaKey) return;
  const link = { ArrowLeft: ".previous", ArrowRight: ".next", Escape: ".back" }[event.key];
  const goal = link && one.querySelector(link).getAttribute("href");
  if (!goal) return;
  history.pushState(null, "", goal);
  route();
});
window.addEventListener("hashchange", route);
window.addEventListener("beforeprint", () => [...list.children].forEach(fill));
fillChoices();
lay();
tell();
route();
