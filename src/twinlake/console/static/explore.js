// The explore page: footprints follow the results, a drawn area becomes the bbox, results and footprints point at each other.
import { BoxDrawing, readBox, showBox, writeBox } from "./draw.js";
import { boundsOf, createMap, readFootprints } from "./map.js";

/** @template {HTMLElement} T @param {string} id @returns {T} */
const find = (id) => /** @type {T} */ (document.getElementById(id));

const form = /** @type {HTMLFormElement} */ (find("search"));
const box = /** @type {HTMLInputElement} */ (find("bbox"));
const drawButton = find("draw");
const map = createMap(find("map"));
const drawing = new BoxDrawing(map, (area) => {
  switchDrawing(false);
  ask(writeBox(area));
});
let marked = "";

/** Searches in an area. @param {string} area A bbox, or nothing for everywhere. */
function ask(area) {
  box.value = area;
  form.requestSubmit();
}

/** @param {boolean} isOn */
function switchDrawing(isOn) {
  drawing.switch(isOn);
  drawButton.setAttribute("aria-pressed", String(isOn));
}

/** Marks one result on the map and in the list. @param {string} key */
function mark(key) {
  if (key === marked) return;
  if (marked) map.setFeatureState({ source: "footprints", id: marked }, { marked: false });
  if (key) map.setFeatureState({ source: "footprints", id: key }, { marked: true });
  marked = key;
  for (const row of document.querySelectorAll("#answer .row")) {
    row.classList.toggle("is-marked", row.getAttribute("data-item") === key);
  }
}

/** Shows the footprints of the answer that the page now has, and says how many there are. */
function showAnswer() {
  const source = /** @type {import("./vendor/maplibre-gl.mjs").GeoJSONSource | undefined} */ (map.getSource("footprints"));
  if (!source) return;
  mark("");
  const footprints = readFootprints();
  source.setData(/** @type {any} */ (footprints));
  showBox(map, readBox(box.value));
  const bounds = boundsOf(footprints);
  if (bounds && !box.value) map.fitBounds(bounds, { padding: 40, maxZoom: 9, animate: false });
  find("filter").setAttribute("aria-invalid", String(find("filter-problem").textContent !== ""));
  find("told").textContent = document.getElementById("found")?.textContent ?? "";
}

/** Returns the key of the smallest footprint under the pointer: a wide one may lie over others. @param {any} event */
function keyUnder(event) {
  const features = event.features ?? [];
  const narrow = features.find((/** @type {any} */ feature) => !feature.properties.wide);
  return String((narrow ?? features[0])?.properties.key ?? "");
}

drawButton.addEventListener("click", () => switchDrawing(!drawing.isOn));
find("view").addEventListener("click", () => {
  const view = map.getBounds();
  ask(writeBox([view.getWest(), Math.max(view.getSouth(), -90), view.getEast(), Math.min(view.getNorth(), 90)]));
});
find("erase").addEventListener("click", () => {
  switchDrawing(false);
  ask("");
});
form.addEventListener("change", (event) => {
  if (event.target instanceof HTMLInputElement && ["checkbox", "date"].includes(event.target.type)) form.requestSubmit();
});
// What was left empty is no part of the question, nor of its address.
document.addEventListener("htmx:config:request", (event) => {
  const asked = /** @type {CustomEvent} */ (event).detail.ctx.request.body;
  if (!(asked instanceof FormData)) return;
  for (const [name, value] of [...asked]) if (value === "") asked.delete(name);
});
for (const layer of ["footprints-fill", "footprints-point"]) {
  map.on("mousemove", layer, (event) => mark(keyUnder(event)));
  map.on("mouseleave", layer, () => mark(""));
  map.on("click", layer, (event) => {
    if (drawing.isOn) return;
    const link = document.querySelector(`#answer .row[data-item="${CSS.escape(keyUnder(event))}"] a`);
    if (link instanceof HTMLElement) link.focus();
  });
}
for (const kind of ["mouseover", "focusin"]) {
  document.addEventListener(kind, (event) => {
    const row = event.target instanceof Element ? event.target.closest("#answer .row") : null;
    if (row) mark(row.getAttribute("data-item") ?? "");
  });
}
map.once("load", () => showBox(map, readBox(box.value)));
new MutationObserver(showAnswer).observe(/** @type {Element} */ (document.querySelector(".explore")), { childList: true });
