// A map with the countries as ground and the footprints of the page on it. Shared by every page that has one.
import { AttributionControl, LngLatBounds, Map as MapLibre, NavigationControl, setWorkerUrl } from "./vendor/maplibre-gl.mjs";

/** @typedef {{type: "FeatureCollection", features: Array<{type: "Feature", id?: string, bbox?: number[], geometry: any, properties: any}>}} Features */

/** Reads the footprints that the server wrote into the page. @returns {Features} */
export function readFootprints() {
  const text = document.getElementById("footprints")?.textContent ?? "";
  return text ? JSON.parse(text) : { type: "FeatureCollection", features: [] };
}

/** @param {string} name @returns {string} */
function colour(name) {
  const probe = document.createElement("span");
  probe.style.color = `var(${name})`;
  document.body.append(probe);
  const value = getComputedStyle(probe).color;
  probe.remove();
  return value;
}

/** @param {Features} features @returns {LngLatBounds | null} */
export function boundsOf(features) {
  const bounds = new LngLatBounds();
  for (const feature of features.features) {
    const box = feature.bbox;
    if (!box) continue;
    const [west, south, east, north] = box.length === 6 ? [box[0], box[1], box[3], box[4]] : box;
    bounds.extend([west, Math.max(south, -84)]);
    bounds.extend([east < west ? east + 360 : east, Math.min(north, 84)]);
  }
  return bounds.isEmpty() ? null : bounds;
}

/**
 * Makes the map of the page.
 * @param {HTMLElement} element
 * @returns {MapLibre}
 */
export function createMap(element) {
  setWorkerUrl(new URL(element.dataset.worker ?? "", location.href).href);
  const land = colour("--surface"), sea = colour("--raised"), line = colour("--line"), accent = colour("--accent");
  /** @type {any[]} */
  const layers = [
    { id: "sea", type: "background", paint: { "background-color": sea } },
    { id: "land", type: "fill", source: "countries", paint: { "fill-color": land } },
    { id: "borders", type: "line", source: "countries", paint: { "line-color": line, "line-width": 0.8 } },
  ];
  /** @type {Record<string, any>} */
  const sources = {
    countries: { type: "geojson", data: new URL(element.dataset.countries ?? "", location.href).href, attribution: "Natural Earth" },
    footprints: { type: "geojson", data: readFootprints(), promoteId: "key" },
  };
  if (element.dataset.tiles) {
    sources.preview = { type: "raster", tiles: [new URL(element.dataset.tiles, location.href).href.replaceAll("%7B", "{").replaceAll("%7D", "}")], tileSize: 256 };
    layers.push({ id: "preview", type: "raster", source: "preview" });
  }
  layers.push(
    { id: "footprints-fill", type: "fill", source: "footprints", paint: { "fill-color": accent, "fill-opacity": element.dataset.tiles ? 0 : ["case", ["boolean", ["feature-state", "marked"], false], 0.45, 0.14] } },
    { id: "footprints-line", type: "line", source: "footprints", paint: { "line-color": accent, "line-width": ["case", ["boolean", ["feature-state", "marked"], false], 3, 1.4] } },
    { id: "footprints-point", type: "circle", source: "footprints", filter: ["==", ["geometry-type"], "Point"], paint: { "circle-color": accent, "circle-radius": 4 } },
  );
  const map = new MapLibre({
    container: element, style: { version: 8, sources, layers }, center: [10, 25], zoom: 0.6,
    attributionControl: false, canvasContextAttributes: { preserveDrawingBuffer: true },
  });
  map.addControl(new NavigationControl({ showCompass: false }), "top-right");
  map.addControl(new AttributionControl({ compact: false, customAttribution: "" }));
  map.getCanvas().setAttribute("aria-label", element.getAttribute("aria-label") ?? "Map");
  const bounds = boundsOf(readFootprints());
  if (bounds) map.fitBounds(bounds, { padding: 40, maxZoom: 11, animate: false });
  map.on("idle", () => element.setAttribute("data-ready", ""));
  return map;
}
