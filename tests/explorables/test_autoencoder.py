"""The autoencoder in the page gives the numbers of the shipped one."""

import torch

from genphys import train, vae


@torch.no_grad()
def test_encoder_decoder_and_both_terms_agree_with_pytorch(bench):
    model = train.load_vae()[0].float()
    page = bench("autoencoder")
    generator = torch.Generator().manual_seed(2)
    x = (torch.rand(784, generator=generator) < 0.2).float()
    x = torch.stack([x, torch.tensor(page.ask("[...live.A.image]")).round()])  # noise, and a digit
    noise = torch.randn(4, 2, 50, generator=generator)
    mean, log_variance = model.encode(x)
    reconstruction, kl = model.elbo(x, noise=noise)
    for k in range(2):
        q = page.ask(
            "(q => [[...q.mean], [...q.logVariance], live.kl(q)])(live.encode(new Float32Array(given)))", x[k].tolist()
        )
        torch.testing.assert_close(torch.tensor(q[0]), mean[k], atol=1e-4, rtol=0)
        torch.testing.assert_close(torch.tensor(q[1]), log_variance[k], atol=1e-4, rtol=0)
        torch.testing.assert_close(
            torch.tensor(q[2]), vae.kl_standard_normal(mean, log_variance)[k], atol=1e-4, rtol=1e-6
        )
        decoded = page.ask("[...live.decode(new Float32Array(given))]", mean[k].tolist())
        torch.testing.assert_close(torch.tensor(decoded), model.decoder.mean(mean)[k], atol=1e-4, rtol=0)
        terms = page.ask(
            "live.bound(new Float32Array(given[0]), given[1].map(e => new Float32Array(e)))",
            [x[k].tolist(), noise[:, k].tolist()],
        )
        torch.testing.assert_close(torch.tensor(terms["reconstruction"]), reconstruction[k], atol=1e-3, rtol=1e-6)
        torch.testing.assert_close(torch.tensor(terms["kl"]), kl[k], atol=1e-4, rtol=1e-6)


def test_a_digit_is_drawn_with_the_keyboard_and_with_the_pointer(bench):
    page = bench("autoencoder").page
    ink = "document.querySelector('section.explorable').live.A.image.reduce((a, b) => a + b, 0)"
    page.get_by_role("button", name="Clear A").click()
    assert page.evaluate(ink) == 0
    pad = page.get_by_role("application", name="Digit A")
    pad.focus()
    for key in [" ", *["ArrowDown"] * 6, " ", *["ArrowRight"] * 4]:
        page.keyboard.press(key)
    by_keys = page.evaluate(ink)
    assert 5 < by_keys < 40
    box = pad.bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 120, box["y"] + 20, steps=5)
    page.mouse.up()
    assert page.evaluate(ink) > by_keys + 10
    before = page.locator(".explorable-numbers").inner_text()
    page.get_by_role("application", name="Handle").press("ArrowRight")
    assert page.locator(".explorable-numbers").inner_text() != before
