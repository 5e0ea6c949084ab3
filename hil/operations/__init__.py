"""Operating a link: objectives as OpenSLO documents, error budgets, burn rates, Prometheus rules, a virtual month."""
