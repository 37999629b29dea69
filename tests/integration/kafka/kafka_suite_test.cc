#include "tests/conformance/tape_suite.h"
#include "tests/integration/kafka/broker.h"

namespace tapedeck {
namespace {

struct KafkaFactory {
    static constexpr bool kDurable = true;
    Tape& tape() {
        if (tape_ == nullptr) tape_ = open_tape(options_for(broker().address()));
        return *tape_;
    }
    void reopen() { tape_.reset(); }
    std::string topic(const std::string& name) {
        const auto* test = ::testing::UnitTest::GetInstance()->current_test_info();
        return std::string(test->name()) + "." + name;
    }

private:
    std::unique_ptr<KafkaTape> tape_;
};

}  // namespace

INSTANTIATE_TYPED_TEST_SUITE_P(Kafka, TapeSuite, KafkaFactory);

}  // namespace tapedeck
