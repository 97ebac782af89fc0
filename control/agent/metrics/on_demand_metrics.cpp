#include "control/agent/metrics/on_demand_metrics.hpp"

namespace alkaid::agent {

void add_on_demand_metrics(MetricSet& metrics, const OnDemand::Activity& activity) {
  const auto number = [](std::uint64_t value) { return static_cast<double>(value); };
  const Requester::Counts& counts = activity.counts;
  metrics.counter("alkaid_agent_on_demand_calls_total", "Calls to the Network Config Manager.",
                  number(counts.calls));
  metrics.counter("alkaid_agent_on_demand_failed_calls_total",
                  "Calls to the Network Config Manager that failed.", number(counts.failed));
  constexpr const char* kQuestions = "alkaid_agent_on_demand_questions_total";
  constexpr const char* kQuestionsHelp =
      "Questions for destinations: asked, refused (the manager does not know the destination), "
      "unheard (answered, and nothing came), silenced (misses that were not asked about).";
  metrics.counter(kQuestions, kQuestionsHelp, number(counts.asked), {{"outcome", "asked"}});
  metrics.counter(kQuestions, kQuestionsHelp, number(counts.refused), {{"outcome", "refused"}});
  metrics.counter(kQuestions, kQuestionsHelp, number(counts.unheard), {{"outcome", "unheard"}});
  metrics.counter(kQuestions, kQuestionsHelp, number(counts.silenced), {{"outcome", "silenced"}});
  metrics.gauge("alkaid_agent_on_demand_questions",
                "Destinations that are remembered: waiting, asked about, or silent for a while.",
                number(activity.questions));
  metrics.gauge("alkaid_agent_learnt_neighbors",
                "Neighbors that came because they were asked for, until they are idle.",
                number(activity.learnt));
}

}  // namespace alkaid::agent
