#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "demo/coin_pages.h"
#include "demo/misbehaviour.h"
#include "demo/page_folder.h"
#include "demo/page_text.h"
#include "demo/price_walk.h"
#include "demo/site_request.h"
#include "demo/stock_pages.h"

namespace tapedeck {

struct DemoSiteOptions {
    std::uint64_t seed = 1;
    MisbehaviourRates rates;
    std::size_t page_bytes = 120'000;  // about what a simulated page weighs
    // Which year's markup; none: another one every ten minutes, each instrument for itself.
    std::optional<CoinPageYear> coin_year;
    std::optional<StockPageYear> stock_year;
    std::optional<PageFolder> folder;  // saved pages, served in place of simulated ones
};

// All the sites that the demo stands for: what each answers to a request. Simulated prices are
// those of the clock's now, so that `as_of` fits a demo that runs faster than the machine.
// Safe from any thread.
class DemoSite {
public:
    DemoSite(const Clock& clock, Calendar stock_calendar, DemoSiteOptions options);

    SiteAnswer answer(const SiteRequest& request);

    const PriceWalk& walk() const { return walk_; }
    const PageFolder* folder() const { return options_.folder ? &*options_.folder : nullptr; }
    MisbehaviourPlan& plan() { return plan_; }

    CoinPageYear coin_year(const DemoInstrument& coin, Timestamp now) const;
    StockPageYear stock_year(const DemoInstrument& stock, Timestamp now) const;

private:
    SiteAnswer well_answered(const SiteRequest& request, const SiteQuestion& question) const;
    SiteAnswer simulated(const SiteRequest& request, const SiteQuestion& question) const;
    SiteAnswer coin_answer(const SiteQuestion& question, Timestamp now) const;
    SiteAnswer yahoo_answer(const SiteRequest& request, const SiteQuestion& question,
                            Timestamp now) const;
    SiteAnswer session_answer(const SiteRequest& request, const SiteQuestion& question) const;
    SiteAnswer misbehaving(Misbehaviour kind, const SiteRequest& request,
                           const SiteQuestion& question) const;
    std::vector<PriceView> views(const std::vector<DemoInstrument>& instruments,
                                 Timestamp now) const;

    const Clock& clock_;
    const DemoSiteOptions options_;
    const PriceWalk walk_;
    const Filler filler_;
    MisbehaviourPlan plan_;
};

// The crumb that belongs to a cookie; empty where the cookie is none of the demo's.
std::string crumb_of(std::string_view cookie);

}  // namespace tapedeck
