#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "base/redactor.h"
#include "base/result.h"
#include "base/secret.h"

namespace tapedeck {

// Gives the secret of a name; `rejected` names one that is not configured. What it has given is
// known to its redactor, which takes it out of whatever is stored or told. Copies share that.
class SecretLookup {
public:
    using Find = std::function<Result<Secret>(const std::string& name)>;

    template <class F>
    // NOLINTNEXTLINE(google-explicit-constructor): a function is one
    requires std::convertible_to<F, Find> SecretLookup(
        F find, std::shared_ptr<Redactor> redactor = std::make_shared<Redactor>())
        : find_(std::move(find)), redactor_(std::move(redactor)) {}

    Result<Secret> operator()(const std::string& name) const {
        auto found = find_(name);
        if (found) redactor_->know(*found, SecretReach::site);
        return found;
    }

    Redactor& redactor() const { return *redactor_; }

private:
    Find find_;
    std::shared_ptr<Redactor> redactor_;
};

}  // namespace tapedeck
