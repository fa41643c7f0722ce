// Copies the code beside a button to the clipboard and says so; where the browser has none for this page, selects it.
document.documentElement.classList.add("scripted");

/** @param {HTMLElement} code */
function select(code) {
  const range = document.createRange();
  range.selectNodeContents(code);
  getSelection()?.removeAllRanges();
  getSelection()?.addRange(range);
}

document.addEventListener("click", async (event) => {
  const button = event.target instanceof Element ? event.target.closest("button[data-copy]") : null;
  const code = button instanceof HTMLButtonElement ? document.getElementById(button.dataset.copy ?? "") : null;
  if (!button || !code) return;
  try {
    await navigator.clipboard.writeText(code.textContent ?? "");
    button.textContent = "Copied";
  } catch {
    select(code);
    button.textContent = "Selected";
  }
});
