// A job's page follows its run: state, progress and log as they come.
const panel = document.getElementById("job");
const address = panel?.dataset.address ?? "";
const log = document.getElementById("log");

/** @param {string} id @param {string} text */
function write(id, text) {
  const place = document.getElementById(id);
  if (place) place.textContent = text;
}

/** @param {{done: number, total: number | null, unit: string}} steps */
function showSteps({ done, total, unit }) {
  const bar = /** @type {HTMLProgressElement} */ (panel?.querySelector("progress"));
  if (total === null) bar.removeAttribute("value"); // a bar without a value says that it goes on
  else [bar.max, bar.value] = [total || 1, total ? done : 1];
  const things = (total ?? done) === 1 ? unit.replace(/s$/, "") : unit;
  write("steps", unit ? `${done}${total === null ? "" : ` of ${total}`} ${things}` : "");
}

/** Adds the lines of the log that the page does not have yet. */
async function readLog() {
  const answer = await fetch(`${address}/logs?after=${log?.dataset.last ?? 0}`);
  if (!answer.ok || !log) return;
  for (const line of (await answer.json()).logs) {
    if (Number(line.id) <= Number(log.dataset.last)) continue;
    const node = line.node ? `${line.node}: ` : "";
    log.append(`${line.time.slice(11, 19)} ${line.level.padEnd(7)} ${node}${line.message}\n`);
    log.dataset.last = line.id;
    document.getElementById("log-panel")?.removeAttribute("hidden");
  }
}

if (panel && !("final" in panel.dataset)) {
  const source = new EventSource(`${address}/events`);
  source.addEventListener("status", (event) => {
    const job = JSON.parse(event.data);
    write("state", panel.dataset[job.status] ?? job.status);
    const { done, total } = job.steps;
    write("message", job.message || (total && done === total ? panel.dataset.writing : "") || "");
    showSteps(job.steps);
    if (["successful", "failed", "dismissed"].includes(job.status)) {
      source.close();
      location.reload(); // with its report
    } else {
      readLog();
    }
  });
}
