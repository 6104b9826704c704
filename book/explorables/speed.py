"""Bytes that each explorable fetches, and milliseconds of a step: `python book/explorables/speed.py`.

The U-Net is timed on this machine as it is, and with the processor slowed down four times, as on a phone.
"""

import statistics
import tempfile

import stills
from playwright.sync_api import sync_playwright
from stills import explorables

STEPS = {
    "digits": "live.unet(live.net, new Float32Array(784), 500, 3)",
    "autoencoder": "live.follow()",
    "boltzmann": "live.step()",
    "gan": "live.generate(new Float32Array(64), 3)",
}
TIMES = """(() => { const live = document.querySelector('section.explorable').live;
  return Array.from({length: 24}, () => {
    const start = performance.now(); CODE; return performance.now() - start; }); })()"""


def main():
    for name in explorables.names():
        print(f"{name:12} {explorables.size(name):9} bytes after the click")
    with sync_playwright() as play, tempfile.TemporaryDirectory() as folder:
        explorables.export(folder)
        browser = play.chromium.launch(executable_path=stills.chromium(), args=stills.FLAGS)
        for name, code in STEPS.items():
            for rate in (1, 4):
                page = browser.new_context(reduced_motion="reduce").new_page()
                stills.start(page, stills.write_page(folder, name))
                page.context.new_cdp_session(page).send("Emulation.setCPUThrottlingRate", {"rate": rate})
                taken = page.evaluate(TIMES.replace("CODE", code))
                print(f"{name:12} {statistics.median(taken):7.1f} ms a step, processor slowed down {rate} times")
        browser.close()


if __name__ == "__main__":
    main()
