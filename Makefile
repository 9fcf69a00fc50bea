.DEFAULT_GOAL := menu
.DELETE_ON_ERROR:
.PHONY: menu demo serve test check bench lock clean

BIN := .venv/bin
RUN := .venv/.run-stamp
DEV := .venv/.dev-stamp

menu:
	@echo "Yici 一次"
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-6s  %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

demo: $(RUN) ## play the whole story; REGISTERS=folder plays it on real registers · 演示全流程，可用 REGISTERS=目录 换成真实登记簿
	@$(BIN)/yici demo $(if $(REGISTERS),--registers "$(REGISTERS)")

serve: $(RUN) ## serve the same data until stopped · 用同一份数据提供服务，直到停止
	@$(BIN)/yici serve --embedded

test: $(DEV) ## run all tests · 运行全部测试
	@.ci/packages
	$(BIN)/python -m pytest -q -n 2 --dist loadfile

check: $(DEV) ## lint, types, import contracts, migrations, compose file · 检查风格、类型、依赖方向、数据库迁移、编排文件
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports
	$(BIN)/python -m pytest -q tests/house tests/exchange/test_migrations.py
	@docker compose version >/dev/null 2>&1 || echo "docker compose is not here: docker-compose.yml was read, not run through it / 未安装 docker compose，编排文件仅作静态检查"

bench: $(DEV) ## measure, as JSON lines, each figure beside its baseline · 性能测量，逐行输出 JSON，附基线
	$(BIN)/python -m bench

lock: ## renew both lock files from pyproject.toml; UPGRADE=1 takes newer versions · 更新锁定文件，UPGRADE=1 升级版本
	python3 -m venv build/lock
	build/lock/bin/python -m pip install --quiet --disable-pip-version-check uv
	$(UV_COMPILE) --extra build --extra embedded --output-file requirements.lock
	$(UV_COMPILE) --extra build --extra embedded --extra dev --constraints requirements.lock --output-file requirements-dev.lock

UV_COMPILE = build/lock/bin/uv pip compile pyproject.toml --quiet --python-version 3.11 --generate-hashes \
	--no-header --no-emit-index-url --no-emit-find-links $(if $(UPGRADE),--upgrade)

clean: ## stop what runs here and remove all it made · 停止服务并删除一切生成物
	@if [ -x $(BIN)/yici ]; then $(BIN)/yici stop --embedded >/dev/null 2>&1 || true; fi
	rm -rf .venv var build dist *.egg-info .gx tests/.artifacts
	rm -rf .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(RUN): requirements.lock pyproject.toml
	@.ci/environment requirements.lock $@

# The development lock holds everything the other does, in the same versions.
$(DEV): requirements-dev.lock pyproject.toml
	@.ci/environment requirements-dev.lock $@
	@touch $(RUN)
