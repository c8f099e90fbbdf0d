// A button under each moving picture stops it, or starts it where it stands still.
(() => {
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  for (const motion of document.querySelectorAll(".motion")) {
    const button = motion.querySelector("button");
    const set = (playing) => {
      motion.dataset.playing = playing;
      button.textContent = playing ? button.dataset.stop : button.dataset.play;
    };
    button.addEventListener("click", () => set(motion.dataset.playing !== "true"));
    button.hidden = false;
    set(!still);
  }
})();
