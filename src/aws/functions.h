#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "aws/aws_client.h"

namespace tapedeck {

// What a function is to be.
struct FunctionSpec {
    std::string name;
    std::string machine = "x86_64";  // "arm64"
    std::string zip;
    std::string role;  // its ARN
    std::map<std::string, std::string> environment;
    std::chrono::seconds timeout{60};
    int memory_mb = 128;
    std::vector<std::string> subnets;  // none: no network of one's own
    std::vector<std::string> security_groups;
};

struct FunctionAnswer {
    int status = 0;
    std::string error;    // X-Amz-Function-Error; empty: none
    std::string payload;  // JSON
    std::string log;      // the tail of it, of RequestResponse
};

enum class InvokeKind { answer, event };  // RequestResponse, Event

// AWS Lambda's functions, and the role that they have. One thread.
class AwsFunctions {
public:
    explicit AwsFunctions(AwsClient& client) : client_(client) {}

    // Calls it, once: what a call that was cut has done is not known.
    Result<FunctionAnswer> invoke(const std::string& name, const std::string& payload,
                                  InvokeKind kind, std::chrono::milliseconds timeout);

    // Makes it, or brings code and configuration up to date; returns when it can be called. Its
    // ARN.
    Result<std::string> deploy(const FunctionSpec& spec);

    // The role's ARN; made where it is missing, with exactly this policy of its own.
    Result<std::string> ensure_role(const std::string& name, const std::string& policy);

    // The account's number, of the credentials.
    Result<std::string> account();

private:
    Result<std::optional<std::string>> find(const std::string& name);
    Result<> create(const FunctionSpec& spec);
    Result<> update(const FunctionSpec& spec);
    Result<> wait_until_ready(const std::string& name);
    Result<Answer> query(const std::string& service, std::map<std::string, std::string> values,
                         const std::string& doing, bool absence_is_an_answer = false);

    AwsClient& client_;
};

// The least that a function needs: to write its log, and a network of one's own where it has one.
std::string least_policy(const std::string& region, const std::string& account,
                         const std::string& function, bool in_vpc);

}  // namespace tapedeck
