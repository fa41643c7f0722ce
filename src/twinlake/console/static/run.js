// Runs an example of a process and shows what came of it beside its form, which stays as it is.

/** Takes from the page that answered what is to be shown; tells whether it has that. @param {HTMLElement} example @param {string} text */
function show(example, text) {
  const answer = new DOMParser().parseFromString(text, "text/html").getElementById(example.id);
  if (!answer) return false;
  for (const part of ["h3", ".call", ".outcome"]) {
    const [old, fresh] = [example.querySelector(part), answer.querySelector(part)];
    if (old && fresh) old.replaceWith(fresh);
  }
  return true;
}

/** @param {string} text */
function tell(text) {
  const place = document.getElementById("told");
  if (place) place.textContent = text;
}

document.addEventListener("submit", async (event) => {
  const form = event.target instanceof HTMLFormElement && event.target.matches("form.run") ? event.target : null;
  const example = form?.closest("article");
  if (!form || !example) return;
  event.preventDefault();
  if (example.ariaBusy === "true") return;
  example.ariaBusy = "true";
  tell("Computing…");
  let isShown = false;
  try {
    const body = new URLSearchParams(/** @type {any} */ (new FormData(form)));
    const answer = await fetch(form.action, { method: "POST", body, headers: { Accept: "text/html" } });
    isShown = show(example, await answer.text());
  } catch {
    // The browser says what is wrong when it sends the form itself.
  }
  if (!isShown) return form.submit(); // signed out, for instance: the page that answers says so
  example.ariaBusy = "false";
  tell(example.querySelector(".outcome")?.textContent?.replace(/\s+/g, " ").trim() ?? "");
});
