// A job's page follows its run: progress, state and log arrive as server-sent events.
const panel = /** @type {HTMLElement | null} */ (document.getElementById("job"));
const bar = /** @type {HTMLProgressElement | null} */ (panel?.querySelector("progress") ?? null);

/** @param {string} selector @param {string} text */
function write(selector, text) {
  const place = document.querySelector(selector);
  if (place) place.textContent = text;
}

if (panel && bar && !("ended" in panel.dataset)) {
  const source = new EventSource(panel.dataset.events ?? "");
  source.addEventListener("progress", (event) => {
    const job = JSON.parse(event.data);
    bar.max = job.progress?.total || 1;
    bar.value = job.progress?.done ?? 0;
    write("[data-state]", job.state);
    write("[data-message]", `${job.progress?.done ?? 0} of ${job.progress?.total ?? 0} ${job.progress?.unit ?? ""} ${job.progress?.message ?? ""}`);
  });
  source.addEventListener("end", () => {
    source.close();
    location.reload();
  });
}
