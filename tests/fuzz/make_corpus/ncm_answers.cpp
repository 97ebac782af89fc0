// Corpus of what a Network Config Manager answers.
#include "tests/fuzz/make_corpus/corpus.hpp"
#include "tests/fuzz/make_corpus/protobuf_fields.hpp"

namespace alkaid::fuzz {
namespace {

constexpr std::uint8_t kSuccess = 0;
constexpr std::uint8_t kFailure = 1;
constexpr std::uint8_t kInvalidArg = 2;
constexpr std::uint8_t kPending = 3;
constexpr std::uint8_t kUnknown = 99;

Bytes status(const std::string& request_id, std::uint8_t operation_status) {
  return bytes_field(2, joined({text_field(1, request_id), number_field(2, operation_status)}));
}

}  // namespace

void write_ncm_answer(const std::filesystem::path& directory) {
  constexpr std::uint8_t kThreeMisses = 2;
  constexpr std::uint8_t kOk = 0;
  constexpr std::uint8_t kUnavailable = 14;
  const Bytes version = number_field(1, 100);
  Corpus answered{directory / "fuzz_ncm_answer", {kThreeMisses, kOk}};
  answered.add("success", joined({version, status("1", kSuccess), status("2", kSuccess),
                                  status("3", kSuccess)}));
  answered.add("refused", joined({version, status("1", kFailure), status("2", kInvalidArg),
                                  status("3", kFailure)}));
  answered.add("pending_and_unknown_status",
               joined({version, status("1", kPending), status("2", kUnknown)}));
  answered.add("nothing", {});
  answered.add("one_twice", joined({status("1", kFailure), status("1", kSuccess)}));
  answered.add("nobodys_question", joined({status("9", kFailure), status("", kSuccess),
                                           status(std::string(200, 'x'), kFailure)}));
  answered.add("no_id", bytes_field(2, number_field(2, kFailure)));
  answered.add("other_fields_and_types",
               joined({{0x9d, 0x06, 1, 2, 3, 4},
                       bytes_field(3, status("2", kFailure)),
                       bytes_field(2, joined({number_field(1, 1), text_field(2, "x")}))}));
  answered.add("cut_off", Bytes{0x12, 0x7f, 0x0a});
  Corpus failed{directory / "fuzz_ncm_answer", {kThreeMisses, kUnavailable}};
  failed.add("failed_call", joined({version, status("1", kSuccess)}));
}

}  // namespace alkaid::fuzz
