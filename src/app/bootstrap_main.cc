// The program of a Lambda function: `tapedeck lambda` alone, with no store and no command line, so
// that it is small and starts at once.
#include <cstdlib>

#include "app/output.h"
#include "app/serve_lambda.h"
#include "app/signals.h"

int main() {
    using namespace tapedeck;
    const char* host = std::getenv("AWS_LAMBDA_RUNTIME_API");
    if (host == nullptr || *host == '\0') {
        return static_cast<int>(fail(Exit::usage,
                                     "AWS_LAMBDA_RUNTIME_API names no runtime "
                                     "interface: AWS Lambda starts this program"));
    }
    StopOnSignal signals;
    const auto served = serve_lambda(function_config({}), host, signals.token());
    return static_cast<int>(served ? Exit::fine : fail(served.error()));
}
