// The one script of the explorables that a page has before a click: it puts a button under each still picture, and on
// the click fetches, by script tags (which work from a file as from a server), what that explorable needs.
(() => {
  const folder = document.currentScript.src.replace(/start\.js.*$/, "");
  const genbook = window.genbook = { explorables: {}, weights: {}, load: null };
  const fetched = {};
  genbook.load = file => fetched[file] ??= new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = folder + file;
    script.async = false;
    script.onload = done;
    script.onerror = () => { delete fetched[file]; failed(new Error(file)); };
    document.head.append(script);
  });

  async function start(section, button) {
    button.disabled = true;
    button.textContent = "Loading …";
    try {
      await Promise.all(section.dataset.files.split(" ").map(genbook.load));
      genbook.open(section);
    } catch (error) {
      button.disabled = false;
      button.textContent = "Try again: it could not be loaded";
      if (!String(error.message).endsWith(".js")) throw error;
    }
  }

  const prepare = () => document.querySelectorAll("section.explorable[data-files]").forEach(section => {
    const button = document.createElement("button");
    button.type = "button";
    button.className = "explorable-start";
    button.textContent = `Start it in this page (${section.dataset.size})`;
    button.addEventListener("click", () => start(section, button));
    section.querySelector(".explorable-stage").append(button);
    if ("moving" in section.dataset && !matchMedia("(prefers-reduced-motion: reduce)").matches) {
      new IntersectionObserver((entries, observer) => { // when it is seen, and the page has come to rest
        if (!entries.some(entry => entry.isIntersecting)) return;
        observer.disconnect();
        setTimeout(() => start(section, button), 1500);
      }).observe(section);
    }
  });
  document.readyState === "loading" ? document.addEventListener("DOMContentLoaded", prepare) : prepare();
})();
