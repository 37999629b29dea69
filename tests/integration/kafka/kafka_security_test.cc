// KafkaTape over TLS, with certificates and with passwords, against a broker that asks for them.
#include <librdkafka/rdkafka.h>

#include <cstdlib>
#include <string>
#include <vector>

#include "tests/integration/kafka/broker.h"

namespace tapedeck {
namespace {

constexpr KafkaMechanism kMechanisms[] = {KafkaMechanism::plain, KafkaMechanism::scram_sha_256,
                                          KafkaMechanism::scram_sha_512};

class KafkaSecurity : public ::testing::Test {
protected:
    static Server& secure_broker() {
        static Server server("kafka.py", {"--secure"});  // one for all tests: a start takes seconds
        return server;
    }
    // The last that librdkafka before 2.6.1 can log in to by SCRAM: hint_for in kafka_client.cc.
    static Server& older_broker() {
        static Server server("kafka.py", {"--secure", "--release", "3.9.1"});
        return server;
    }
    static std::string file(const std::string& name, const Server& of = secure_broker()) {
        return of.text("tls") + "/" + name;
    }
    static KafkaOptions encrypted(const std::string& port, const Server& at = secure_broker()) {
        KafkaOptions options = options_for("127.0.0.1:" + std::to_string(at.number(port)));
        options.request_timeout = std::chrono::seconds(5);
        options.message_timeout = std::chrono::seconds(5);
        options.tls = KafkaTls{file("ca.pem", at), "", "", Secret()};
        return options;
    }
    static KafkaOptions with_password(KafkaMechanism mechanism, const std::string& password,
                                      const Server& at = secure_broker()) {
        KafkaOptions options = encrypted("secure_port", at);
        options.login = KafkaLogin{mechanism, at.text("user"), Secret(password)};
        return options;
    }
    static KafkaOptions with_certificate() {
        KafkaOptions options = encrypted("mutual_port");
        options.tls->certificate_file = file("client.pem");
        options.tls->key_file = file("client.key");
        return options;
    }

    static void expect_passes_messages(const KafkaOptions& options, const std::string& topic) {
        const auto tape = open_tape(options);
        new_topic(*tape, topic, 2);
        const auto appended = tape->append(numbered(topic, 0, 100));
        ASSERT_TRUE(appended) << appended.error().what;
        for (const auto& each : *appended) ASSERT_TRUE(each) << each.error().what;
        EXPECT_EQ(values_of(*tape, topic).size(), 100U);
        const auto reader = tape->open_reader({topic}, topic + "-group");
        ASSERT_TRUE(reader) << reader.error().what;
        const auto polled = (*reader)->poll(std::chrono::seconds(30), 1 << 20, {});
        ASSERT_TRUE(polled) << polled.error().what;
        EXPECT_TRUE(std::holds_alternative<Assigned>(*polled));
    }

    // What each way of reaching the broker says where it lets nobody in.
    static std::vector<Error> refusals(const KafkaOptions& options) {
        std::vector<Error> out;
        const auto tape = open_tape(options);
        const auto extent = tape->extent({"any", Partition(0)});
        const auto appended = tape->append(std::vector{message("any", "k", "v")});
        const auto reader = tape->open_reader({"any"}, "refused-group");
        EXPECT_FALSE(extent);
        EXPECT_FALSE(appended);
        EXPECT_TRUE(reader);
        if (extent || appended || !reader) return out;
        const auto polled = (*reader)->poll(std::chrono::seconds(30), 1 << 20, {});
        EXPECT_FALSE(polled);
        if (polled) return out;
        return {extent.error(), appended.error(), polled.error()};
    }
    static void expect_each_says(const std::vector<Error>& errors, const std::string& text) {
        ASSERT_EQ(errors.size(), 3U);
        for (const Error& error : errors) {
            EXPECT_TRUE(error.kind == ErrorKind::unavailable || error.kind == ErrorKind::rejected);
            EXPECT_NE(error.what.find(text), std::string::npos) << error.what;
        }
    }
};

TEST_F(KafkaSecurity, PassesMessagesOfAUserWithAPassword) {
    expect_passes_messages(with_password(KafkaMechanism::plain, secure_broker().text("password")),
                           "plain");
}

TEST_F(KafkaSecurity, PassesMessagesByScram) {
    for (const auto mechanism : {KafkaMechanism::scram_sha_256, KafkaMechanism::scram_sha_512}) {
        SCOPED_TRACE(static_cast<int>(mechanism));
        expect_passes_messages(
            with_password(mechanism, older_broker().text("password"), older_broker()),
            "scram" + std::to_string(static_cast<int>(mechanism)));
    }
}

TEST_F(KafkaSecurity, LogsInToANewBrokerByScramOrSaysThatItsLibraryIsTooOld) {
    const std::string password = secure_broker().text("password");
    const KafkaOptions options = with_password(KafkaMechanism::scram_sha_512, password);
    expect_wanted_library();
    if (library_is_repaired()) return expect_passes_messages(options, "scram_new");
    const auto extent = open_tape(options)->extent({"any", Partition(0)});
    ASSERT_FALSE(extent);
    EXPECT_EQ(extent.error().kind, ErrorKind::unavailable);
    EXPECT_NE(extent.error().what.find("cannot log in by SCRAM"), std::string::npos)
        << extent.error().what;
    EXPECT_EQ(extent.error().what.find(password), std::string::npos);
}

TEST_F(KafkaSecurity, SaysThatAPasswordIsWrongAndDoesNotShowIt) {
    const std::string wrong = "hunter2-and-more";
    for (const KafkaMechanism mechanism : kMechanisms) {
        SCOPED_TRACE(static_cast<int>(mechanism));
        const auto errors = refusals(with_password(mechanism, wrong));
        expect_each_says(errors, "uthentication");
        for (const Error& error : errors) {
            EXPECT_EQ(error.what.find(wrong), std::string::npos) << error.what;
        }
    }
}

TEST_F(KafkaSecurity, RefusesABrokerThatAnotherAuthorityVouchesFor) {
    KafkaOptions options = with_password(KafkaMechanism::plain, secure_broker().text("password"));
    options.tls->authority_file = file("other.pem");
    expect_each_says(refusals(options), "certificate verify failed");
}

// "127.1" leads to 127.0.0.1, but is none of the names in the broker's certificate.
TEST_F(KafkaSecurity, RefusesABrokerWhoseCertificateHasAnotherName) {
    KafkaOptions options = with_password(KafkaMechanism::plain, secure_broker().text("password"));
    options.brokers = "127.1:" + std::to_string(secure_broker().number("secure_port"));
    expect_each_says(refusals(options), "certificate verify failed");
}

TEST_F(KafkaSecurity, ShowsItsOwnCertificateWhereTheBrokerAsksForOne) {
    expect_passes_messages(with_certificate(), "mutual");
}

TEST_F(KafkaSecurity, SaysThatTheBrokerWantsACertificate) {
    expect_each_says(refusals(encrypted("mutual_port")), "certificate");
}

TEST_F(KafkaSecurity, SaysThatTheBrokerSpeaksTlsWhereWeDoNot) {
    KafkaOptions options = with_certificate();
    options.tls.reset();
    ASSERT_EQ(refusals(options).size(), 3U);
}

TEST_F(KafkaSecurity, NamesTheKeyFileThatCannotBeRead) {
    KafkaOptions options = with_certificate();
    options.tls->key_file = file("nobody.key");
    const auto tape = KafkaTape::open(options);
    ASSERT_FALSE(tape);
    EXPECT_EQ(tape.error().kind, ErrorKind::rejected);
    EXPECT_NE(tape.error().what.find("ssl.key.location"), std::string::npos) << tape.error().what;
}

}  // namespace
}  // namespace tapedeck
