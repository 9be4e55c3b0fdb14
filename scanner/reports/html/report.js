// Filters and sorts the cards, and shows the page of a picture. Whatever came out of the evidence is
// only ever set as text.
"use strict";

const form = document.getElementById("controls");
const list = document.getElementById("cards");
const ROWS = list.firstElementChild.children.length; // of one list: only those in sight are laid out
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

const cards = [...list.querySelectorAll(".cards > li")].map((element, place) => ({
  element,
  place,
  group: element.className,
  origin: element.dataset.origin,
  folder: element.dataset.folder,
  probability: "p" in element.dataset ? Number(element.dataset.p) : null,
  path: element.querySelector(".path").textContent,
  shot: element.querySelector(".shot"),
}));
const byAddress = new Map(cards.map((card) => [`#${card.element.id}`, card]));
let shown = cards;
let last = null; // whose page was shown last
let from = 0; // how far the gallery was scrolled when a page was opened

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

function tell() {
  form.elements.count.value = `${shown.length.toLocaleString("en")} of ${cards.length.toLocaleString("en")} rows shown`;
}

// Puts the cards that are shown into lists of ROWS.
function lay() {
  near.disconnect();
  const lists = [];
  for (let start = 0; start < shown.length; start += ROWS) {
    const cut = element("ol", undefined, "cards");
    cut.append(...shown.slice(start, start + ROWS).map((card) => card.element));
    lists.push(cut);
    near.observe(cut);
  }
  list.replaceChildren(...lists);
}

// The browser would take long to open ten thousand pictures at once.
function load(within) {
  for (const image of within.querySelectorAll("img[data-src]")) {
    image.src = image.dataset.src;
    delete image.dataset.src;
  }
}

const near = new IntersectionObserver(
  (entries) => entries.filter((entry) => entry.isIntersecting).forEach((entry) => load(entry.target)),
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
  for (const card of cards) card.shot?.toggleAttribute("disabled", !isBlurred);
  one.querySelector(".shot").disabled = !isBlurred;
}

function toggle(shot) {
  shot.setAttribute("aria-pressed", String(shot.getAttribute("aria-pressed") !== "true"));
}

function details(card) {
  return JSON.parse(card.element.querySelector("script").textContent);
}

function cells(values) {
  const row = element("tr");
  for (const value of values) row.append(element("td", value));
  return row;
}

function showPicture(card, told) {
  const figure = one.querySelector("figure");
  const thumbnail = card.element.querySelector("img");
  figure.hidden = thumbnail === null;
  const map = one.querySelector(".map");
  map.replaceChildren();
  for (const part of one.querySelectorAll(".map-words, .map-choice")) part.hidden = !told.regions.length;
  if (thumbnail === null) return;
  load(card.element);
  const image = figure.querySelector("img");
  image.src = thumbnail.src;
  image.alt = `The picture ${card.path}`;
  image.className = thumbnail.className;
  const shot = figure.querySelector(".shot");
  shot.setAttribute("aria-pressed", card.shot.getAttribute("aria-pressed"));
  shot.setAttribute("aria-label", card.shot.getAttribute("aria-label"));
  figure.querySelector("figcaption").textContent = told.caption;
  one.querySelector(".map-words").textContent = told.regions_in_words;
  // What weighs little must not look as if it weighed much.
  const greatest = Math.max(...told.regions.map((region) => Math.abs(region[4])), FULL);
  for (const [left, top, right, bottom, weight] of told.regions) {
    const share = Math.abs(weight) / greatest;
    const sign = share >= MARKED ? (weight > 0 ? "+" : "\u2212") : ""; // for those who see no colours
    const part = element("span", told.of_views ? weight.toFixed(2) : sign, told.of_views ? "view" : "");
    const colour = weight > 0 ? "220, 40, 20" : "20, 60, 160";
    Object.assign(part.style, {
      left: `${100 * left}%`, top: `${100 * top}%`,
      width: `${100 * (right - left)}%`, height: `${100 * (bottom - top)}%`,
    });
    if (told.of_views) part.style.borderColor = `rgb(${colour})`;
    else part.style.backgroundColor = `rgba(${colour}, ${0.65 * share})`;
    map.append(part);
  }
}

function showTables(told) {
  const findings = one.querySelector(".findings");
  findings.hidden = !told.evidence.length;
  findings.querySelector("tbody").replaceChildren(...told.evidence.map(cells));
  const fields = told.fields.map(([name, value]) => {
    const row = element("tr");
    const head = element("th", name, "code");
    head.scope = "row";
    const meaning = document.getElementById(`field-${name}`);
    if (meaning) head.title = meaning.nextElementSibling.textContent;
    row.append(head, element("td", value, "code"));
    return row;
  });
  one.querySelector(".fields tbody").replaceChildren(...fields);
}

function showPages(card, told) {
  const section = one.querySelector(".of-file");
  section.hidden = told.file === null;
  if (told.file === null) return;
  const pages = cards.filter((other) => other.path === card.path && details(other).file === told.file);
  const items = pages.sort((a, b) => a.place - b.place).map((other) => {
    const item = element("li");
    const link = element("a", details(other).name);
    if (other === card) link.setAttribute("aria-current", "page");
    link.href = `#${other.element.id}`;
    item.append(link);
    return item;
  });
  section.querySelector("h2").textContent = `Pages of this file that are listed here (${items.length} of ${told.pages})`;
  section.querySelector("ul").replaceChildren(...items);
}

function showOne(card) {
  const told = details(card);
  heading.textContent = card.path;
  one.className = card.group;
  one.querySelector(".statement").textContent = told.statement;
  const place = shown.indexOf(card);
  one.querySelector(".place").textContent = place < 0 ? "" : `${(place + 1).toLocaleString("en")} of ${shown.length.toLocaleString("en")}`;
  for (const [kind, other] of [[".previous", place - 1], [".next", place + 1]]) {
    const link = one.querySelector(kind);
    const target = place < 0 ? undefined : shown[other];
    if (target) link.href = `#${target.element.id}`;
    else link.removeAttribute("href");
  }
  showPicture(card, told);
  showPages(card, told);
  showTables(told);
}

function route() {
  const card = byAddress.get(location.hash);
  if (card) {
    if (one.hidden) from = window.scrollY;
    last = card;
    showOne(card);
  }
  const wasOpen = !one.hidden;
  one.hidden = !card;
  for (const part of gallery) part.hidden = Boolean(card);
  document.title = card ? `${card.path} - ${TITLE}` : TITLE;
  if (card) {
    window.scrollTo(0, 0);
    heading.focus({ preventScroll: true });
  } else if (wasOpen) {
    window.scrollTo(0, from);
    last?.element.querySelector(".path").focus({ preventScroll: true });
  }
}

form.addEventListener("submit", (event) => event.preventDefault());
form.addEventListener("input", apply);
form.addEventListener("reset", () => setTimeout(() => {
  apply();
  blur();
}));
form.elements.blur.addEventListener("change", blur);

document.addEventListener("click", (event) => {
  const shot = event.target.closest(".shot");
  if (shot) toggle(shot);
  const tile = event.target.closest("[data-show]");
  if (tile) {
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
  const address = link && one.querySelector(link).getAttribute("href");
  if (!address) return;
  history.pushState(null, "", address);
  route();
});
window.addEventListener("hashchange", route);
window.addEventListener("beforeprint", () => load(list));
fillChoices();
for (const cut of list.children) near.observe(cut);
tell();
blur();
route();
