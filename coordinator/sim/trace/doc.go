// Package trace reads recorded workloads and draws the requests they stand for.
//
// Two schemas are read, as CSV with one header line, plain or gzip (told by
// content):
//
//	timestamp_s,model,input_tokens,output_tokens   a row per request; tokens may be blank
//	t_s,model,requests                             what came in [t_s, t_s+step)
//
// A third is the JSON answer to a Prometheus range query, see ScanPrometheus.
//
// Times are seconds from any start, ascending. A blank model is one of its own. In the second schema a missing
// row means no request, and the step is the same throughout; it is told from the
// times or given. Arrivals are spread uniformly over their step.
//
// Draws come from a stream of their own per model, seeded by the seed and the
// model's name, so that they depend on nothing else.
package trace
