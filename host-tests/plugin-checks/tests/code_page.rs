//! The page for operators, `plugins/CODES.md`, and the codes that there are.

use mcp_core::Flaw;
use oauth_core::reason::Reason;
use plugin_checks::mistakes_of_code_page;

const PAGE: &str = include_str!("../../../plugins/CODES.md");

/// Every code of every filter. Where a reason and a flaw share one, it is one code.
fn codes() -> impl Iterator<Item = (&'static str, u16)> {
    let reasons = Reason::ALL.iter().map(|reason| (reason.code(), reason.status()));
    reasons.chain(Flaw::ALL.iter().map(|flaw| (flaw.code(), flaw.status())))
}

#[test]
fn the_page_explains_every_code_with_its_status_and_no_other() {
    // The section on records has a table of another kind.
    let (before, records) = PAGE.split_once("\n## What the record says of a denial\n").unwrap();
    let (_, after) = records.split_once("\n## ").unwrap();
    assert_eq!(mistakes_of_code_page(&format!("{before}\n## {after}"), codes()), [""; 0]);
}

#[test]
fn a_code_means_one_status_whoever_says_it() {
    for (code, status) in codes() {
        assert!(codes().all(|(other, its)| other != code || its == status), "{code}");
    }
}

#[test]
fn a_page_with_mistakes_is_told_each_of_them() {
    let page = "| code | status | what happened | what to do |\n|---|---|---|---|\n\
                | `a` | 400 | It is so. | Do this. |\n\
                | `b` | 400 | It is so. | Do this. |\n\
                | `c` | 403 | It is so. | |\n\
                | `a` | 400 | It is so. | Do this. |\n\
                | `x` | 400 | It is so. | Do this. |\n\
                | `e` | 400 | It is so. |\n";
    let mistakes = mistakes_of_code_page(page, [("a", 400), ("b", 401), ("c", 403), ("d", 403), ("e", 400)]);
    assert_eq!(
        mistakes,
        [
            "b has status 401 and not 400",
            "c is not explained",
            "a is there twice, or is no code",
            "x is there twice, or is no code",
            "no row of four cells: | `e` | 400 | It is so. |",
            "d is missing",
            "e is missing",
        ]
    );
}

/// An operator who looks into any of them finds it.
#[test]
fn every_readme_leads_to_the_page() {
    let root = include_str!("../../../README.md");
    assert!(root.contains("(plugins/CODES.md)"));
    for readme in [
        include_str!("../../../plugins/audience-validation/README.md"),
        include_str!("../../../plugins/claim-challenge/README.md"),
        include_str!("../../../plugins/rar-enforcement/README.md"),
        include_str!("../../../plugins/token-exchange/README.md"),
    ] {
        let (_, codes) = readme.split_once("\n## Codes\n").unwrap();
        assert!(codes.contains("(../CODES.md)"));
    }
}
