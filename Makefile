# Two commands matter: `make up` (a store of your own, from nothing) and `make test` (everything that proves it).
.DEFAULT_GOAL := help
SHELL := bash

.PHONY: help
help: ## Show what can be made
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: up
up: ## Start everything and create a store; again: one store more. IN_CLUSTER=1: with the server in the cluster
	@scripts/up

.PHONY: down
down: ## Stop everything and remove every trace of it
	@scripts/down

.PHONY: status
status: ## Show what runs, and the stores
	@scripts/status

.PHONY: logs
logs: ## Follow the server's log
	@scripts/logs

.PHONY: fmt
fmt: ## Format the code and the protos
	@scripts/fmt

.PHONY: lint
lint: ## Check formats, clippy, docs, protos, licences and shell scripts
	@scripts/lint

.PHONY: test
test: ## Run every test, the real cluster included (needs Linux and root)
	@scripts/test

.PHONY: test-long
test-long: ## Run every test with its long tables: millions of hostile answers, hundreds of kills, two versions (hours)
	@scripts/test long

.PHONY: bench
bench: ## Measure the API beside etcd, tonic and Redis, and creations beside the same done by hand
	@scripts/bench

.PHONY: clean
clean: down ## Remove what was built, too
	@cargo clean --quiet
