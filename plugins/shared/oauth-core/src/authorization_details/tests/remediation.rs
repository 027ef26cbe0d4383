//! What a client is told to ask for.

use super::*;

/// RAR-13, RAR-14
#[test]
fn the_remediation_is_enough_when_it_comes_back_and_stays_small() {
    use base64::Engine as _;
    let all = [
        wanted(read("a")),
        wanted(json!({"type": "payment", "currency": "EUR", "max_amount": "12.50"})),
        wanted(read("a")),
    ];
    let remediation = |all: &[Wanted]| {
        let mut remediation = Remediation::default();
        all.iter().for_each(|wanted| remediation.add(wanted, Some(R)));
        remediation.encoded()
    };
    let text = remediation(&all).unwrap();
    assert_eq!(Some(text.clone()), remediation(&all), "equal requests get equal answers");
    let document = base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(&text).unwrap();
    let document: Value = serde_json::from_slice(&document).unwrap();
    assert_eq!(document["authorization_details"].as_array().unwrap().len(), 2, "{document}");
    for wanted in &all {
        assert!(grants_wanted(&document["authorization_details"].to_string(), wanted, Some(R)));
    }
    assert_eq!(document["authorization_details"][0]["locations"], json!([R]));
    let large = wanted(read(&"x".repeat(50_000)));
    for too_much in
        [&[][..], std::slice::from_ref(&large), &[large.clone(), all[0].clone()], &[all[0].clone(), large.clone()]]
    {
        assert_eq!(remediation(too_much), None);
    }
}
