// Shows the extent of a collection, or the footprint and preview of an item.
import { createMap } from "./map.js";

const element = document.getElementById("map");
if (element) createMap(element);
