// Copies the code beside a button to the clipboard and says so.
document.addEventListener("click", async (event) => {
  const button = event.target instanceof Element ? event.target.closest("button[data-copy]") : null;
  if (!(button instanceof HTMLButtonElement)) return;
  const code = document.getElementById(button.dataset.copy ?? "");
  await navigator.clipboard.writeText(code?.textContent ?? "");
  button.textContent = "Copied";
});
