#pragma once

#include <functional>
#include <optional>
#include <stop_token>
#include <string>

#include "aws/profiles.h"
#include "aws/sigv4.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "net/http_client.h"

namespace tapedeck {

// What AWS's tools take from their surroundings: variables and files.
struct AwsSurroundings {
    std::function<std::optional<std::string>(const std::string& name)>
        variable;  // unset or empty: none
    std::function<std::optional<std::string>(const std::string& path)>
        file;  // cannot be read: none

    static AwsSurroundings of_the_process();
};

// The shared files' sections. `malformed` names file and line.
Result<AwsProfiles> read_profiles(const AwsSurroundings& around);

// The profile that is meant: `chosen`, else AWS_PROFILE, else "default".
std::string profile_name(const AwsSurroundings& around, const std::string& chosen);

// The region: `chosen`, else AWS_REGION, AWS_DEFAULT_REGION, or the profile's; empty: none.
std::string region_of(const AwsSurroundings& around, const AwsProfiles& profiles,
                      const std::string& profile, const std::string& chosen);

// Credentials by AWS's usual chain: the environment (not where a profile was chosen), the profile
// in the shared files, single sign-on's cache, the endpoint of a container, the endpoint of an
// instance (IMDSv2). What is found is kept until shortly before it expires. Secrets are told to
// `learned` before anything is done with them. Any thread.
class AwsCredentialChain {
public:
    struct Parts {
        AwsSurroundings around;
        HttpClient& client;  // nobody else has requests under way in it
        const Clock& clock;
        std::string profile;                           // that was chosen; empty: none
        std::function<void(const Secret&)> learned{};  // none: nobody hears of them
    };
    explicit AwsCredentialChain(Parts parts) : parts_(std::move(parts)) {}

    // `rejected` says where was looked and what is to do; `unavailable` where an endpoint that is
    // there does not answer.
    Result<AwsCredentials> get();

private:
    Result<std::optional<AwsCredentials>> of_environment() const;
    Result<std::optional<AwsCredentials>> of_profile();
    Result<std::optional<AwsCredentials>> of_sso(const AwsProfiles& profiles,
                                                 const AwsProfile& profile,
                                                 const std::string& name);
    Result<std::optional<AwsCredentials>> of_container();
    Result<std::optional<AwsCredentials>> of_instance();
    Result<Answer> ask(Request request);

    const Parts parts_;
    Mutex mutex_;
    std::optional<AwsCredentials> kept_ TAPEDECK_GUARDED_BY(mutex_);
};

}  // namespace tapedeck
