# Deep Generative Models for the Physical Sciences: `make help` lists the targets.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed
# Everything that is installed with the hashes of its files: `make pins` writes it from requirements.txt.
HASHES := .ci/hashes.txt
WITHOUT_CUDA := awk '/^[^ ]/ { skip = /^(torch|torchvision|triton|nvidia-.*|cuda-.*)==/ } !skip'
# The oldest Python for which all pins can be installed.
MINIMUM := 3.11.5
NOTEBOOKS := $(wildcard book/*.ipynb)
NBVAL := $(BIN)/python -m pytest -c tests/pytest.ini --rootdir=. --nbval --nbval-current-env --nbval-cell-timeout=300
SOURCES := code book/_ext book/explorables book/figures tests .github/scripts $(wildcard benchmarks)
PORT ?= 8000
# student or instructor: what is built goes to book/_build/editions, with the solutions that this edition gives.
EDITION ?=
# A language by its code (nb, de): what is built goes to book/_build/translations, with the texts of book/locale/CODE.
TRANSLATION ?=
# The oldest Python that code/pyproject.toml admits, for the lowest versions of its packages.
LOWEST_PYTHON ?= python3.10
LOWEST := $(VENV)-lowest
# Where PyTorch comes from: empty, the package index (on Linux it brings CUDA, 5.5 GB); cpu, PyTorch's CPU wheels (1 GB).
TORCH_INDEX ?=
TORCH_URL := $(if $(filter cpu,$(TORCH_INDEX)),https://download.pytorch.org/whl/cpu,$(TORCH_INDEX))
VARIANT = $(strip $(if $(EDITION),--edition $(EDITION)) $(if $(TRANSLATION),--language $(TRANSLATION)))

export PYTHONPATH := $(CURDIR)/code
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PYTHONDONTWRITEBYTECODE := 1

.PHONY: help book check test texts faults lint test-cpus notebooks serve pdf lighthouse starters measure bench address adopt release chapter links pins clean test-lowest

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' Makefile | awk -F ':.*## ' '{printf "  make %-12s %s\n", $$1, $$2}'
	@echo "  TORCH_INDEX=cpu make book    takes PyTorch's CPU wheels (1 GB instead of 5.5 GB)"

$(STAMP): requirements.txt $(HASHES) code/pyproject.toml
	@command -v git >/dev/null || { echo "git is missing: install it with your system's package manager"; exit 1; }
	@command -v $(PYTHON) >/dev/null || { echo "$(PYTHON) is missing: install Python $(MINIMUM) or newer"; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < tuple(map(int, "$(MINIMUM)".split("."))))' || \
	    { echo "$(PYTHON) is $$($(PYTHON) -V): install $(MINIMUM) or newer, or name one: make PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' 2>/dev/null || \
	    { echo "$(PYTHON) cannot make environments: install its venv module (Debian and Ubuntu: python3-venv)"; exit 1; }
	@echo "Installing the environment into $(VENV) (once; a few minutes)"
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@$(if $(TORCH_URL),$(BIN)/python -m pip install --quiet --no-deps --index-url $(TORCH_URL) $$(grep -E '^(torch|torchvision)==' requirements.txt),:)
	@$(if $(TORCH_URL),$(WITHOUT_CUDA),cat) $(HASHES) > $(VENV)/hashes.txt
	@$(BIN)/python -m pip install --quiet --no-deps --require-hashes -r $(VENV)/hashes.txt
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation -e ./code
	@$(BIN)/python -m pip check > /dev/null || \
	    { echo "This system needs more than $(HASHES) knows; it comes without"; $(BIN)/python -m pip install --quiet -r requirements.txt; }
	@touch $@

book: $(STAMP) ## Execute the chapters and write book/_build/html/index.html (EDITION=student or instructor, TRANSLATION=nb)
	@$(BIN)/python book/_ext/make_book.py $(VARIANT)

notebooks: $(STAMP) ## Write the launchable notebooks book/*.ipynb from the chapters (EDITION=..., TRANSLATION=...)
	@$(BIN)/python book/_ext/make_book.py --notebooks $(VARIANT)
	@$(if $(VARIANT),:,rm -f book/*.ipynb && cp book/_build/notebooks/*.ipynb book/)

texts: $(STAMP) ## Write what is to be translated into book/locale/CODE, keeping what is (TRANSLATION=nb)
	@test -n "$(TRANSLATION)" || { echo "make texts: name a language by its code: make texts TRANSLATION=nb"; exit 2; }
	@$(BIN)/python book/_ext/make_book.py --texts
	@$(BIN)/sphinx-intl update --pot-dir book/_build/texts --locale-dir book/locale --language $(TRANSLATION)

starters: $(STAMP) ## Write a notebook to begin each project of the page on teaching, into book/_build/starters
	@$(BIN)/python book/_ext/starters.py

check: $(STAMP) ## Test what you changed: style, tests of the changed files, pages; quick, for while you write
	@$(BIN)/python tests/suite.py --changed $(REVISION)

test: $(STAMP) ## Run every test but the faults: package, equations, notebooks, site; warnings are fatal
	@$(BIN)/python tests/suite.py

faults: $(STAMP) ## Plant faults in the package and see the chapters' checks catch each
	@$(BIN)/python tests/faults/run.py

lint: $(STAMP) ## Check the code's style
	@$(BIN)/ruff check --config code/pyproject.toml $(SOURCES)
	@$(BIN)/ruff format --check --config code/pyproject.toml $(SOURCES)

test-cpus: $(STAMP) ## Run the notebooks again as other processors would
	@echo "oneDNN and MKL without AVX-512, one thread"
	@TQDM_DISABLE=1 MKL_CBWR=COMPATIBLE ONEDNN_MAX_CPU_ISA=AVX2 ATEN_CPU_CAPABILITY=default OMP_NUM_THREADS=1 $(NBVAL) -n auto --dist loadfile $(NOTEBOOKS)

test-lowest: $(STAMP) ## Test the package with the lowest versions that it admits, in an environment of its own
	@test -x $(LOWEST)/bin/python || $(LOWEST_PYTHON) -m venv $(LOWEST)
	@$(BIN)/python .github/scripts/lowest.py > $(LOWEST)/versions.txt
	@$(if $(TORCH_URL),$(LOWEST)/bin/python -m pip install --quiet --index-url $(TORCH_URL) $$(grep torch $(LOWEST)/versions.txt),:)
	@$(LOWEST)/bin/python -m pip install --quiet --constraint $(LOWEST)/versions.txt \
	    './code[mnist]' pytest pytest-timeout pytest-xdist scikit-learn torchmetrics
	@$(LOWEST)/bin/python tests/suite.py --package

pdf: $(STAMP) ## Print the built book, its chapters and decks into book/_build/pdf (SOLUTIONS=1, EDITION=...)
	@$(BIN)/python book/_ext/paper.py $(if $(SOLUTIONS),--solutions) $(if $(EDITION),--edition $(EDITION))

lighthouse: $(STAMP) ## Print Lighthouse's scores of the title page and the longest chapter (from npm at first; on a quiet machine)
	@$(BIN)/python tests/lighthouse.py

measure: $(STAMP) ## Count what the lines of the package are for, now and before
	@$(BIN)/python tests/measure.py $(REVISION)

bench: $(STAMP) ## Measure speed beside the usual examples into benchmarks/results.json, which the page on times shows
	@missed=0; for script in benchmarks/bench_*.py; do $(BIN)/python $$script || missed=1; done; exit $$missed

serve: book ## Show the book on this machine and rebuild it when a file changes (PORT=8000)
	@$(BIN)/python book/_ext/serve.py --port $(PORT)

address: $(STAMP) ## Write the repository's address from book/_config.yml into README and the other files
	@$(BIN)/python book/_ext/write_address.py

adopt: $(STAMP) ## Make this the book of another repository and say what changed (URL=https://github.com/OWNER/NAME)
	@test -n "$(URL)" || { echo "make adopt: name your repository: make adopt URL=https://github.com/OWNER/NAME"; exit 2; }
	@$(BIN)/python book/_ext/write_address.py --url "$(URL)" $(if $(BRANCH),--branch "$(BRANCH)")

release: $(STAMP) ## Tag a version that launches and installs itself (VERSION=v1.0)
	@test -n "$(VERSION)" || { echo "make release: name the version: make release VERSION=v1.0"; exit 2; }
	@$(BIN)/python book/_ext/write_address.py --release "$(VERSION)"

chapter: $(STAMP) ## Begin a chapter of your own that builds and passes at once (NAME=my_lecture)
	@test -n "$(NAME)" || { echo "make chapter: name it: make chapter NAME=my_lecture"; exit 2; }
	@$(BIN)/python book/_ext/new_chapter.py "$(NAME)"

links: $(STAMP) ## Print links that bring the notebooks to a JupyterHub and keep students' changes (HUB=..., EDITION=...)
	@$(BIN)/python book/_ext/pull_links.py "$(HUB)" $(if $(EDITION),--edition $(EDITION))

pins: ## Write the hashes of what requirements.txt names, after a pin was moved
	@test -x $(VENV)-pins/bin/uv || \
	    { $(PYTHON) -m venv $(VENV)-pins && $(VENV)-pins/bin/python -m pip install --quiet uv; }
	@$(VENV)-pins/bin/uv pip compile --quiet --universal --generate-hashes --no-annotate --no-header \
	    --python-version $(MINIMUM) requirements.txt --output-file $(HASHES)
	@echo "$(HASHES) is in step with requirements.txt; commit both"

clean: ## Remove what was built (the environment in .venv stays)
	@rm -rf book/_build code/build code/*.egg-info .pytest_cache .ruff_cache
