// A map with the countries as ground and the footprints of the page on it. Shared by every page that has one.
import { AttributionControl, LngLatBounds, Map as MapLibre, NavigationControl, setWorkerUrl } from "./vendor/maplibre-gl.mjs";

/** @typedef {{type: "Feature", id?: string, bbox?: number[], geometry: any, properties: any}} Feature */
/** @typedef {{type: "FeatureCollection", features: Feature[]}} Features */

const MERCATOR_LIMIT = 84; // degrees of latitude; the map ends a little further

/** Reads the footprints that the server wrote into the page. @returns {Features} */
export function readFootprints() {
  const text = document.getElementById("footprints")?.textContent ?? "";
  return text ? JSON.parse(text) : { type: "FeatureCollection", features: [] };
}

/** Reads a colour of the sheet as it is in the scheme of now. @param {string} name @returns {string} */
function colour(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

/**
 * Returns the box around all features, going on beyond 180 degrees over the antimeridian.
 * @param {Features} features
 * @returns {LngLatBounds | null}
 */
export function boundsOf({ features }) {
  const bounds = new LngLatBounds();
  for (const { bbox } of features) {
    if (!bbox) continue;
    const [west, south, east, north] = bbox.length === 6 ? [bbox[0], bbox[1], bbox[3], bbox[4]] : bbox;
    bounds.extend([west, Math.max(south, -MERCATOR_LIMIT)]);
    bounds.extend([east < west ? east + 360 : east, Math.min(north, MERCATOR_LIMIT)]);
  }
  return bounds.isEmpty() ? null : bounds;
}

/** @param {HTMLElement} element @param {string | undefined} path */
const address = (element, path) => new URL(path ?? "", element.ownerDocument.baseURI).href;

/** Layers from the ground up; a marked footprint is filled, a wide one only then. @param {boolean} withPreview @returns {any[]} */
function layersOf(withPreview) {
  const marked = ["boolean", ["feature-state", "marked"], false];
  const fill = withPreview ? 0 : ["case", marked, 0.45, ["boolean", ["get", "wide"], false], 0, 0.16];
  return [
    { id: "sea", type: "background" },
    { id: "land", type: "fill", source: "countries" },
    ...(withPreview ? [{ id: "preview", type: "raster", source: "preview" }] : []),
    { id: "borders", type: "line", source: "countries", paint: { "line-width": 0.8 } },
    { id: "footprints-fill", type: "fill", source: "footprints", paint: { "fill-opacity": fill } },
    { id: "footprints-line", type: "line", source: "footprints", paint: { "line-width": ["case", marked, 3, 1.4] } },
    {
      id: "footprints-point", type: "circle", source: "footprints",
      filter: ["in", ["geometry-type"], ["literal", ["Point", "MultiPoint"]]], paint: { "circle-radius": ["case", marked, 8, 5] },
    },
    { id: "area-line", type: "line", source: "area", paint: { "line-width": 2, "line-dasharray": [2, 1.5] } },
  ];
}

/** Gives the layers the colours of the page's scheme. @param {MapLibre} map */
function paint(map) {
  const accent = colour("accent");
  map.setPaintProperty("sea", "background-color", colour("sea"));
  map.setPaintProperty("land", "fill-color", colour("land"));
  map.setPaintProperty("borders", "line-color", colour("border"));
  map.setPaintProperty("footprints-fill", "fill-color", accent);
  map.setPaintProperty("footprints-line", "line-color", accent);
  map.setPaintProperty("footprints-point", "circle-color", accent);
  map.setPaintProperty("area-line", "line-color", colour("text"));
}

/**
 * Makes the map of the page. The element gets the attribute data-ready whenever all is drawn.
 * @param {HTMLElement} element
 * @returns {MapLibre}
 */
export function createMap(element) {
  setWorkerUrl(address(element, element.dataset.worker));
  element.replaceChildren();
  const footprints = readFootprints();
  /** @type {Record<string, any>} */
  const sources = {
    countries: { type: "geojson", data: address(element, element.dataset.countries), attribution: "Natural Earth" },
    footprints: { type: "geojson", data: footprints, promoteId: "key" },
    area: { type: "geojson", data: { type: "FeatureCollection", features: [] } },
  };
  const tiles = element.dataset.tiles;
  if (tiles) {
    sources.preview = { type: "raster", tiles: [address(element, tiles).replaceAll("%7B", "{").replaceAll("%7D", "}")], tileSize: 256 };
  }
  const map = new MapLibre({
    container: element,
    style: { version: 8, sources, layers: layersOf(tiles !== undefined) },
    center: [10, 25],
    zoom: 0.6,
    attributionControl: false,
    locale: { "Map.Title": element.dataset.name ?? "Map" },
    canvasContextAttributes: { preserveDrawingBuffer: true },
  });
  map.addControl(new NavigationControl({ showCompass: false }), "top-right");
  map.addControl(new AttributionControl({ compact: false }));
  const bounds = boundsOf(footprints);
  if (bounds) map.fitBounds(bounds, { padding: 40, maxZoom: Number(element.dataset.maxZoom), animate: false });
  map.once("style.load", () => paint(map));
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => paint(map));
  if (tiles) tellOfPreview(map, element);
  map.on("idle", () => element.setAttribute("data-ready", ""));
  return map;
}

/**
 * Says that the preview is being drawn, which takes a while the first time, and whether it came.
 * @param {MapLibre} map
 * @param {HTMLElement} element
 */
function tellOfPreview(map, element) {
  const told = document.createElement("p");
  told.className = "told";
  told.setAttribute("role", "status");
  told.textContent = "The picture is being drawn…";
  element.append(told);
  let drawn = 0;
  let failed = 0;
  map.on("sourcedata", (/** @type {any} */ event) => {
    if (event.sourceId === "preview" && event.tile?.state === "loaded") drawn += 1;
  });
  map.on("error", (/** @type {any} */ event) => {
    if (event.sourceId === "preview") failed += 1;
    else console.error(event.error);
  });
  map.once("idle", () => {
    if (drawn && !failed) told.remove();
    else told.textContent = drawn ? "Parts of the picture could not be drawn." : "The picture could not be drawn.";
  });
}
