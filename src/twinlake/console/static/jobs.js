// The list of jobs follows those that go on. A browser opens few streams to one host, so all rows come by one request.
const BETWEEN_LOOKS = 1000; // milliseconds

/** Takes what has changed from the list of now; links, which may have the focus, stay. */
async function look() {
  if (!document.hidden) {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok || answer.redirected) return; // signed out
    const now = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const row of document.querySelectorAll("tr[data-live]")) {
      const fresh = now.getElementById(row.id);
      if (!fresh) continue;
      row.toggleAttribute("data-live", "live" in fresh.dataset);
      const cells = [...fresh.querySelectorAll("td")];
      for (const [place, cell] of row.querySelectorAll("td").entries()) {
        if (!cell.isEqualNode(cells[place])) cell.replaceWith(cells[place]);
      }
    }
  }
  if (document.querySelector("tr[data-live]")) setTimeout(look, BETWEEN_LOOKS);
}

setTimeout(look, BETWEEN_LOOKS);
