"""The U-Net in the page gives the numbers of the shipped one, and twenty steps take seconds."""

import torch

from genphys import diffusion, train


def images(n):
    return torch.randn(n, 784, generator=torch.Generator().manual_seed(3))


@torch.no_grad()
def test_the_network_and_ddim_agree_with_pytorch(bench):
    network, schedule, _ = train.load_diffusion()
    network = network.float()
    page = bench("digits")
    for t, label, x in zip((1, 240, 1000), (10, 3, 7), images(3), strict=True):
        found = page.ask(
            "[...live.unet(live.net, new Float32Array(given[0]), given[1], given[2])]", [x.tolist(), t, label]
        )
        expected = network(x.view(1, 1, 28, 28), torch.tensor([t]), torch.tensor([label])).flatten()
        torch.testing.assert_close(torch.tensor(found), expected, atol=1e-4, rtol=0)
    for name in ("signal", "noise"):
        found = torch.tensor(page.ask(f"live.schedule.{name}"), dtype=torch.float64)
        torch.testing.assert_close(found, getattr(schedule, name).double(), atol=1e-9, rtol=0)
    x = images(1)
    found = page.ask(
        """(() => { let x = new Float32Array(given); const plan = live.times(5);
             plan.slice(0, -1).forEach((t, k) => {
               x = live.ddim(x, live.estimate(live.net, x, t, 5, 2), t, plan[k + 1], 0); });
             return [...x]; })()""",
        x[0].tolist(),
    )
    denoise = diffusion.denoiser(
        network, schedule, "velocity", labels=torch.tensor([5]), none=10, scale=2.0, clip=(-1, 1)
    )
    expected = diffusion.ddim(denoise, schedule, x.view(1, 1, 28, 28), steps=5).flatten()
    torch.testing.assert_close(torch.tensor(found), expected, atol=1e-3, rtol=0)  # five steps pile rounding up


DRAWN = """async () => {
  const part = document.querySelector("section.explorable"), from = performance.now();
  [...part.querySelectorAll("button")].find(e => e.textContent === "New noise, and run").click();
  const said = part.querySelector(".explorable-voice");
  while (!said.textContent.includes("Finished: a 7")) await new Promise(done => setTimeout(done, 5));
  const spent = performance.now() - from;
  said.textContent = "";
  return spent; }"""


def test_a_click_draws_a_digit_in_three_seconds(bench):
    page = bench("digits").page
    page.get_by_label("Digit asked for").select_option("7")
    assert page.get_by_role("slider", name="Steps").input_value() == "20"
    spent = page.evaluate(DRAWN)
    if spent > 3000:  # the machine may have done something else as well
        spent = min(spent, page.evaluate(DRAWN))
    assert page.locator(".explorable-numbers").inner_text().count("20 of 20") == 1
    assert spent < 3000, "milliseconds from the click to the digit, all twenty steps and pictures"
