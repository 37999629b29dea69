#include "aws/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>

#include "net/memory_http_client.h"

namespace tapedeck {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

// A machine with these variables and files, and a network that is a function.
class AwsCredentialChainTest : public testing::Test {
protected:
    std::map<std::string, std::string> variables{{"HOME", "/home/joe"},
                                                 {"AWS_EC2_METADATA_DISABLED", "true"}};
    std::map<std::string, std::string> files;
    Site site = [](const Request&) { return WebAnswer{404, {}, "", 0us, false, {}}; };
    ManualClock clock{*parse_rfc3339("2026-11-24T00:00:00Z")};
    std::vector<std::string> learned;

    AwsSurroundings around() {
        const auto in = [](const auto& map) {
            return [&map](const std::string& name) -> std::optional<std::string> {
                const auto found = map.find(name);
                return found == map.end() ? std::nullopt : std::optional(found->second);
            };
        };
        return {in(variables), in(files)};
    }

    AwsCredentialChain& chain(std::string profile = {}) {
        client_.emplace(MemoryHttpClient::advancing(
            clock, [this](const Request& request) { return site(request); }));
        chain_.emplace(AwsCredentialChain::Parts{
            around(), *client_, clock, std::move(profile),
            [this](const Secret& secret) { learned.push_back(secret.reveal()); }});
        return *chain_;
    }

    std::string refusal(std::string profile = {}) {
        const auto found = chain(std::move(profile)).get();
        EXPECT_FALSE(found);
        return found ? "" : found.error().what;
    }

private:
    std::optional<MemoryHttpClient> client_;
    std::optional<AwsCredentialChain> chain_;
};

constexpr const char* kFiles = R"([default]
aws_access_key_id = FILEKEY   ; of the team
aws_secret_access_key = file/secret+with=signs

[work]
aws_access_key_id=WORKKEY
aws_secret_access_key=worksecret
aws_session_token=worktoken
)";

TEST_F(AwsCredentialChainTest, TakesTheEnvironmentBeforeTheFilesButNotBeforeAChosenProfile) {
    files["/home/joe/.aws/credentials"] = kFiles;
    EXPECT_EQ(chain().get()->access_key, "FILEKEY");
    EXPECT_EQ(chain().get()->secret_key.reveal(), "file/secret+with=signs");
    variables["AWS_ACCESS_KEY_ID"] = "ENVKEY";
    EXPECT_THAT(refusal(), HasSubstr("without AWS_SECRET_ACCESS_KEY"));
    variables["AWS_SECRET_ACCESS_KEY"] = "envsecret";
    EXPECT_EQ(chain().get()->access_key, "ENVKEY");
    EXPECT_EQ(chain("work").get()->access_key, "WORKKEY");
    EXPECT_EQ(chain("work").get()->session_token.reveal(), "worktoken");
    EXPECT_THAT(learned, testing::Contains("worksecret"));
    EXPECT_THAT(learned, testing::Contains("worktoken"));
}

TEST_F(AwsCredentialChainTest, NamesAProfileThatIsNotThereAndWhatItDoesNotTake) {
    files["/home/joe/.aws/config"] = "[profile far]\nrole_arn = arn:aws:iam::1:role/x\n";
    EXPECT_THAT(refusal("none"), HasSubstr("no profile none"));
    EXPECT_THAT(refusal("far"), HasSubstr("role_arn"));
    EXPECT_THAT(refusal(), HasSubstr("no credentials of AWS"));
    files["/home/joe/.aws/credentials"] = "[default]\nhunter2\n";
    EXPECT_THAT(refusal(), HasSubstr("/home/joe/.aws/credentials, line 2"));
    EXPECT_THAT(refusal(), Not(HasSubstr("hunter2")));
}

TEST_F(AwsCredentialChainTest, FindsTheRegion) {
    files["/home/joe/.aws/config"] =
        "[default]\nregion = eu-west-1\ns3 =\n  addressing_style = path\n"
        "[profile work]\nregion = eu-north-1\n";
    const auto profiles = read_profiles(around());
    ASSERT_TRUE(profiles);
    EXPECT_EQ(profiles->at("default").at("s3.addressing_style"), "path");
    EXPECT_EQ(region_of(around(), *profiles, "work", ""), "eu-north-1");
    EXPECT_EQ(region_of(around(), *profiles, profile_name(around(), ""), ""), "eu-west-1");
    variables["AWS_DEFAULT_REGION"] = "us-west-2";
    EXPECT_EQ(region_of(around(), *profiles, "work", ""), "us-west-2");
    EXPECT_EQ(region_of(around(), *profiles, "work", "ap-south-1"), "ap-south-1");
}

constexpr const char* kRoleKeys =
    R"({"Code":"Success","AccessKeyId":"ROLEKEY","SecretAccessKey":"s","Token":"t",)"
    R"("Expiration":"2026-11-24T01:00:00Z"})";

TEST_F(AwsCredentialChainTest, AsksTheContainersEndpointWithItsTokenAndAgainBeforeTheEnd) {
    variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://127.0.0.1:4000/keys";
    variables["AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE"] = "/token";
    files["/token"] = "let-me-in\n";
    int asked = 0;
    site = [&](const Request& request) {
        ++asked;
        EXPECT_EQ(request.url, "http://127.0.0.1:4000/keys");
        EXPECT_EQ(request.headers.at(0).value.reveal(), "let-me-in");
        return WebAnswer{200, {}, kRoleKeys, 0us, false, {}};
    };
    AwsCredentialChain& keys = chain();
    EXPECT_EQ(keys.get()->access_key, "ROLEKEY");
    clock.advance(50min);
    EXPECT_TRUE(keys.get());
    EXPECT_EQ(asked, 1);
    clock.advance(6min);
    EXPECT_TRUE(keys.get());
    EXPECT_EQ(asked, 2);
    clock.advance(5min);
    EXPECT_THAT(keys.get().error().what, HasSubstr("expired at 2026-11-24T01:00:00Z"));
    variables["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = "http://example.com/keys";
    EXPECT_THAT(refusal(), HasSubstr("may have no token"));
}

TEST_F(AwsCredentialChainTest, AsksTheInstanceByItsSecondVersion) {
    variables.erase("AWS_EC2_METADATA_DISABLED");
    variables["AWS_EC2_METADATA_SERVICE_ENDPOINT"] = "http://127.0.0.1:4001";
    site = [&](const Request& request) {
        WebAnswer answer;
        if (request.method == Method::put) {
            answer.body = "session";
        } else {
            EXPECT_EQ(request.headers.at(0).value.reveal(), "session");
            answer.body = request.url.ends_with("/my-role") ? kRoleKeys : "my-role";
        }
        return answer;
    };
    const auto found = chain().get();
    ASSERT_TRUE(found);
    EXPECT_EQ(found->access_key, "ROLEKEY");
    EXPECT_EQ(found->origin, "the instance's role");
}

TEST_F(AwsCredentialChainTest, TakesSingleSignOnsCacheAndSaysWhenItIsOver) {
    files["/home/joe/.aws/config"] =
        "[profile work]\nsso_session = my-sso\nsso_account_id = 123\nsso_role_name = reader\n"
        "[sso-session my-sso]\nsso_region = eu-west-1\n";
    const std::string cache =
        "/home/joe/.aws/sso/cache/0ad374308c5a4e22f723adf10145eafad7c4031c.json";
    EXPECT_THAT(refusal("work"), HasSubstr("aws sso login --profile work"));
    files[cache] = R"({"accessToken":"bearer","expiresAt":"2026-11-24T08:00:00Z"})";
    site = [&](const Request& request) {
        EXPECT_EQ(request.url,
                  "https://portal.sso.eu-west-1.amazonaws.com/federation/credentials?account_id=123"
                  "&role_name=reader");
        EXPECT_EQ(request.headers.at(0).value.reveal(), "bearer");
        WebAnswer answer;
        answer.body = R"({"roleCredentials":{"accessKeyId":"SSOKEY","secretAccessKey":"s",)"
                      R"("sessionToken":"t","expiration":1795500000000}})";
        return answer;
    };
    EXPECT_EQ(chain("work").get()->access_key, "SSOKEY");
    clock.advance(9h);
    EXPECT_THAT(refusal("work"), HasSubstr("the login is over"));
}

}  // namespace
}  // namespace tapedeck
