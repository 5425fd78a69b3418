// The wheel on a picture, and the arrow keys outside of any control, move the slider of the slices.
export default function () {
  const move = (key) => {
    const thumb = document.querySelector('.st-key-slices input[type="range"]');
    thumb?.dispatchEvent(new KeyboardEvent("keydown", { key, code: key, bubbles: true }));
  };
  let last = 0;
  const wheel = (event) => {
    if (!event.target.closest?.('[data-testid="stImage"]')) return;
    event.preventDefault();
    if (event.timeStamp - last < 60) return; // a touchpad sends dozens of events
    last = event.timeStamp;
    move(event.deltaY > 0 ? "ArrowRight" : "ArrowLeft");
  };
  const keys = (event) => {
    const free = !event.target.closest?.('input:not([type="checkbox"]), textarea, [role="combobox"], [role="gridcell"]');
    if (free && event.isTrusted && ["ArrowLeft", "ArrowRight"].includes(event.key)) move(event.key);
  };
  document.addEventListener("wheel", wheel, { passive: false });
  document.addEventListener("keydown", keys);
  return () => {
    document.removeEventListener("wheel", wheel);
    document.removeEventListener("keydown", keys);
  };
}
