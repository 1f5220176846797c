package debug

import "github.com/bellows-go/bellows/coordinator"

type budgetRow struct {
	Budget   string `json:"budget"`
	Resource string `json:"resource"` // "" is replicas
	Limit    int64  `json:"limit"`
	Wanted   int64  `json:"wanted"`
	Used     int64  `json:"used"`
	Held     int64  `json:"held"` // of what is used: cannot be taken away
}

func budgetRows(list []coordinator.BudgetPlan) []budgetRow {
	rows := make([]budgetRow, len(list))
	for i, b := range list {
		rows[i] = budgetRow{b.Budget, b.Resource, b.Limit, b.Wanted, b.Used, b.Held}
	}
	return rows
}
