for (const table of document.querySelectorAll("table.board")) {
  const body = table.tBodies[0];
  table.querySelectorAll("th[data-column]").forEach((head) => {
    const button = head.querySelector("button");
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") !== "descending";
      table.querySelectorAll("th[aria-sort]").forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const value = (row) => {
        const text = row.querySelector(`[data-of="${head.dataset.column}"]`).dataset.value;
        return text === "" ? NaN : Number(text);
      };
      const rows = [...body.rows].sort((a, b) => {
        const [x, y] = [value(a), value(b)];
        if (Number.isNaN(x) || Number.isNaN(y)) return Number.isNaN(x) - Number.isNaN(y);
        return down ? y - x : x - y;
      });
      body.append(...rows);
    });
  });
}

// A tile opens large; the arrow keys go to its neighbours, a click or Escape closes.
const large = document.querySelector("dialog");
if (large) {
  const tiles = [...document.querySelectorAll("button.tile")];
  let place = 0;
  const show = (next) => {
    place = (next + tiles.length) % tiles.length;
    const small = tiles[place].querySelector("img");
    const caption = document.createElement("p");
    caption.textContent = small.alt;
    large.replaceChildren(small.cloneNode(), caption);
  };
  tiles.forEach((tile, number) => tile.addEventListener("click", () => {
    show(number);
    large.showModal();
  }));
  large.addEventListener("click", () => large.close());
  large.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (step) show(place + step);
  });
}
